// Read by libstdc++ before it counts references; glibc has it since 2.32. False is always right: it only costs atomic additions.
extern "C" {
extern __attribute__((visibility("hidden"))) char __libc_single_threaded;
char __libc_single_threaded = 0;
}
