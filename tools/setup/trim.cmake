# llama-cpp-python switches these targets of llama.cpp on and never loads them: build them from one empty file.
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL cmake_language EVAL CODE "
file(WRITE \${CMAKE_BINARY_DIR}/empty.cpp \"\")
foreach(target llama-common llama-common-base cpp-httplib)
  if(TARGET \${target})
    set_property(TARGET \${target} PROPERTY SOURCES \${CMAKE_BINARY_DIR}/empty.cpp)
  endif()
endforeach()
")
