# Decides whether the CUDA half is compiled, and for which cards. Sets FIQX_WITH_CUDA.

if(NOT FIQX_CUDA MATCHES "^(AUTO|ON|OFF|EMULATED)$")
  message(FATAL_ERROR "FIQX_CUDA is \"${FIQX_CUDA}\"; give AUTO, ON, OFF or EMULATED")
endif()

set(FIQX_WITH_CUDA OFF)
if(FIQX_CUDA MATCHES "^(AUTO|ON)$")
  # Before the language is enabled: CMake would otherwise fill in a single default architecture.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES AND NOT DEFINED ENV{CUDAARCHS})
    set(fiqx_all_architectures ON)
    set(CMAKE_CUDA_ARCHITECTURES OFF)
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(FIQX_WITH_CUDA ON)
  elseif(FIQX_CUDA STREQUAL "ON")
    message(FATAL_ERROR "FIQX_CUDA is ON, but no nvcc was found; put it on PATH or set CMAKE_CUDA_COMPILER")
  endif()
endif()

if(FIQX_WITH_CUDA AND fiqx_all_architectures)
  # Machine code for each generation, and the PTX of the last for those to come.
  if(CMAKE_CUDA_COMPILER_VERSION VERSION_GREATER_EQUAL 12.8)
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90-real 100-real 120)
  else()
    set(CMAKE_CUDA_ARCHITECTURES 75-real 80-real 86-real 89-real 90)
  endif()
endif()
message(STATUS "fiqx: CUDA ${FIQX_WITH_CUDA} ${CMAKE_CUDA_ARCHITECTURES}")
