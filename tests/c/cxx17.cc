/* run.py: cflags=-DSHOW_DEBUG_LOG,-std=c++17 */
#include "cxx11.cc"
