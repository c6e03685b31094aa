// The files that the program carries in itself: the console's and the description of the API. Which
// they are stands in CMakeLists.txt.
#pragma once

#include <span>
#include <string_view>

#include "api/problem.hpp"
#include "net/http_server.hpp"

namespace gald::api {

struct Asset {
  std::string_view name;    ///< "openapi.json", "console/index.html"
  std::string_view digest;  ///< SHA-256 of the bytes, in hex
  std::string_view bytes;
  std::string_view gzip;  ///< the same, compressed; empty where that is not smaller
};

std::span<const Asset> assets();

/// REQUIRES: there is one of this name.
const Asset& asset(std::string_view name);

/// The whole answer to a GET or HEAD: its content type by the ending of the name, compressed where
/// the client takes that, with an ETag, and 304 for who has it. Caches ask each time, so that a
/// newer gald is seen at once. `headers` are added.
net::ServerResponse answer_with(const Asset& asset, const net::ServerRequest& request,
                                Refused::Headers headers = {});

}  // namespace gald::api
