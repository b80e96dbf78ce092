#pragma once
// The smallest test tool that serves: CHECK reports the line and counts; main returns the count.

#include <cmath>
#include <cstdio>

inline int failures = 0;

#define CHECK(holds)                                                         \
    do {                                                                     \
        if (!(holds)) {                                                      \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #holds); \
            ++failures;                                                      \
        }                                                                    \
    } while (false)

inline bool near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance; }
