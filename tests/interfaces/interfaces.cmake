# Generates what rclpy needs of an interface package, and no more: C structures, the C type supports of Fast DDS and of
# introspection, type descriptions and hashes, the Python module. No C++.
find_package(ament_cmake REQUIRED)
find_package(rosidl_cmake REQUIRED)
find_package(rosidl_generator_type_description REQUIRED)
find_package(rosidl_generator_c REQUIRED)
find_package(rosidl_typesupport_introspection_c REQUIRED)
find_package(rosidl_typesupport_fastrtps_c REQUIRED)
find_package(rosidl_typesupport_c REQUIRED)
find_package(rosidl_generator_py REQUIRED)

# wiw_interfaces(FILES <file>... DEPENDENCIES <package>...)
macro(wiw_interfaces)
  cmake_parse_arguments(_wiw "" "" "FILES;DEPENDENCIES" ${ARGN})
  foreach(_dependency ${_wiw_DEPENDENCIES})
    find_package(${_dependency} REQUIRED)
  endforeach()
  # The wheels' packages bring the C++ generators along: they would more than double the build.
  list(FILTER AMENT_EXTENSIONS_rosidl_generate_idl_interfaces EXCLUDE REGEX "_cpp:")
  rosidl_generate_interfaces(${PROJECT_NAME} ${_wiw_FILES} DEPENDENCIES ${_wiw_DEPENDENCIES})
  ament_package()
endmacro()
