# Makes a C++ source from files, so that the program is one file:
#
#   cmake -D OUTPUT=assets_data.cpp -D "FILES=NAME=PATH;NAME=PATH" -P embed.cmake
#
# The same files give the same bytes. What they are in C++ stands in lib/api/assets.hpp.

function(literal file result)
  file(READ "${file}" digits HEX)
  # Lines that an editor and a compiler's message can bear.
  string(REPEAT "." 48 line)
  string(REGEX REPLACE "(${line})" "\\1|" text "${digits}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" text "${text}")
  string(REPLACE "|" "\"\n    \"" text "${text}")
  set(${result} "\"${text}\"" PARENT_SCOPE)
endfunction()

set(constants "")
set(rows "")
set(number 0)
foreach(entry IN LISTS FILES)
  string(REGEX MATCH "^([^=]+)=(.+)$" matched "${entry}")
  if(NOT matched)
    message(FATAL_ERROR "embed.cmake: FILES: expected NAME=PATH, got \"${entry}\"")
  endif()
  set(name "${CMAKE_MATCH_1}")
  set(path "${CMAKE_MATCH_2}")
  set(packed "${OUTPUT}.gz")
  # -n: neither a name nor a time.
  execute_process(COMMAND gzip -9 -n -c "${path}" OUTPUT_FILE "${packed}" COMMAND_ERROR_IS_FATAL ANY)
  file(SHA256 "${path}" digest)
  file(SIZE "${path}" size)
  file(SIZE "${packed}" packed_size)
  literal("${path}" bytes)
  string(APPEND constants "constexpr char kBytes${number}[] =\n    ${bytes};\n")
  set(gzip "{}")
  if(packed_size LESS size)
    literal("${packed}" packed_bytes)
    string(APPEND constants "constexpr char kGzip${number}[] =\n    ${packed_bytes};\n")
    set(gzip "{kGzip${number}, ${packed_size}}")
  endif()
  file(REMOVE "${packed}")
  string(APPEND rows
    "    {\"${name}\", \"${digest}\", {kBytes${number}, ${size}}, ${gzip}},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUTPUT}" "// Made by lib/api/embed.cmake.
#include \"api/assets.hpp\"

namespace gald::api {

namespace {

${constants}
constexpr Asset kAssets[] = {
${rows}};

}  // namespace

std::span<const Asset> assets() {
  return kAssets;
}

}  // namespace gald::api
")
