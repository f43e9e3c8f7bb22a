# libsley.so and libsley.a from the two object libraries.
set(sley_include_dirs
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/sched/include>"
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/io/include>"
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
set(sley_link_libraries Threads::Threads PkgConfig::HWLOC PkgConfig::UV PkgConfig::CURL
    PkgConfig::CARES PkgConfig::SSL)

add_library(sley SHARED $<TARGET_OBJECTS:sley_sched> $<TARGET_OBJECTS:sley_io>)
add_library(sley_static STATIC $<TARGET_OBJECTS:sley_sched> $<TARGET_OBJECTS:sley_io>)
add_library(sley::sley ALIAS sley)
add_library(sley::sley_static ALIAS sley_static)

foreach(target sley sley_static)
    target_include_directories(${target} INTERFACE ${sley_include_dirs})
    # Tasks have small stacks: a frame larger than the guard must touch each page on its way down,
    # or it would jump over the guard into another task's stack.
    target_compile_options(${target} INTERFACE
        $<$<COMPILE_LANG_AND_ID:C,GNU,Clang>:-fstack-clash-protection>
        $<$<COMPILE_LANG_AND_ID:CXX,GNU,Clang>:-fstack-clash-protection>)
    target_link_libraries(${target} PRIVATE ${sley_link_libraries} $<BUILD_INTERFACE:sley_flags>)
    set_target_properties(${target} PROPERTIES LINKER_LANGUAGE C)
endforeach()

set_target_properties(sley PROPERTIES
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR})
set_target_properties(sley_static PROPERTIES OUTPUT_NAME sley)

target_link_options(sley PRIVATE LINKER:-Bsymbolic-functions LINKER:--as-needed)
if(NOT SLEY_SANITIZE)
    target_link_options(sley PRIVATE LINKER:-z,defs)
endif()
