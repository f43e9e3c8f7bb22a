# The libraries that sley stands on, each as an imported target PkgConfig::NAME. SLEY_PC_REQUIRES is
# the same list for sley.pc and for the CMake package: one place says what a static link needs.
set(SLEY_PC_REQUIRES)

macro(sley_dependency name module minimum)
    pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module}>=${minimum})
    list(APPEND SLEY_PC_REQUIRES "${name} ${module} ${minimum}")
endmacro()

sley_dependency(HWLOC hwloc 2.0)
sley_dependency(UV libuv 1.40)
sley_dependency(CURL libcurl 7.80)
sley_dependency(CARES libcares 1.18)
sley_dependency(SSL openssl 3.0)
