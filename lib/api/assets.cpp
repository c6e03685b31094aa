#include "api/assets.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "api/entity_tag.hpp"
#include "net/accept_encoding.hpp"

namespace gald::api {

namespace {

constexpr std::pair<std::string_view, std::string_view> kContentTypes[] = {
    {".css", "text/css; charset=utf-8"},
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".png", "image/png"},
    {".svg", "image/svg+xml"},
};

std::string_view content_type(std::string_view name) {
  for (const auto& [ending, type] : kContentTypes)
    if (name.ends_with(ending))
      return type;
  throw std::logic_error("no content type is known for " + std::string(name));
}

}  // namespace

const Asset& asset(std::string_view name) {
  for (const Asset& one : assets())
    if (one.name == name)
      return one;
  throw std::logic_error("the program does not carry " + std::string(name));
}

net::ServerResponse answer_with(const Asset& asset, const net::ServerRequest& request,
                                Refused::Headers headers) {
  const bool packed =
      !asset.gzip.empty() && net::accepts_gzip(request.header("Accept-Encoding").value_or(""));
  // Other bytes, another tag: a strong one promises that they are the same.
  const std::string tag = "\"" + std::string(asset.digest) + (packed ? "-gzip\"" : "\"");
  net::ServerResponse response;
  response.headers = std::move(headers);
  response.headers.emplace_back("ETag", tag);
  response.headers.emplace_back("Cache-Control", "no-cache");
  if (!asset.gzip.empty())
    response.headers.emplace_back("Vary", "Accept-Encoding");
  if (names_tag(request.header("If-None-Match").value_or(""), tag)) {
    response.status = 304;
    return response;
  }
  response.headers.emplace_back("Content-Type", content_type(asset.name));
  if (packed)
    response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = packed ? asset.gzip : asset.bytes;
  return response;
}

}  // namespace gald::api
