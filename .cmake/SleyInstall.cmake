# Headers, libraries, sley.pc and the CMake package.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sley)

install(DIRECTORY sched/include/sley io/include/sley
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h")
install(TARGETS sley EXPORT sleyTargets)
install(TARGETS sley_static EXPORT sleyStaticTargets)
install(EXPORT sleyTargets NAMESPACE sley:: DESTINATION ${package_dir})
install(EXPORT sleyStaticTargets NAMESPACE sley:: DESTINATION ${package_dir})

set(pc_libs)
set(cmake_requires)
foreach(entry IN LISTS SLEY_PC_REQUIRES)
    separate_arguments(fields UNIX_COMMAND "${entry}")
    list(GET fields 0 name)
    list(GET fields 1 module)
    list(GET fields 2 minimum)
    list(APPEND pc_libs ${${name}_LDFLAGS})
    list(APPEND cmake_requires "${name} ${module}>=${minimum}")
endforeach()
list(REMOVE_DUPLICATES pc_libs)
list(JOIN pc_libs " " SLEY_PC_LIBS_PRIVATE)
list(JOIN cmake_requires "\" \"" SLEY_CMAKE_REQUIRES)

file(RELATIVE_PATH SLEY_PC_TO_PREFIX
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" SLEY_PC_TO_PREFIX "${SLEY_PC_TO_PREFIX}")
configure_file(.cmake/sley.pc.in sley.pc @ONLY)
configure_package_config_file(.cmake/sleyConfig.cmake.in sleyConfig.cmake
    INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(sleyConfigVersion.cmake COMPATIBILITY SameMajorVersion)

install(FILES ${PROJECT_BINARY_DIR}/sley.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_BINARY_DIR}/sleyConfig.cmake ${PROJECT_BINARY_DIR}/sleyConfigVersion.cmake
    DESTINATION ${package_dir})
install(FILES sched/sley-gdb.py DESTINATION ${CMAKE_INSTALL_DATADIR}/sley)
