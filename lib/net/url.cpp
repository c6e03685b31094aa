#include "net/url.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"

namespace gald::net {

namespace {

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
}

bool is_ipv6_character(char c) {
  return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

bool is_visible_ascii(char c) {
  return c > 0x20 && c < 0x7f;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

/// Four decimal numbers: no other form of an IPv4 address is looked through.
std::optional<std::array<std::uint8_t, 4>> parse_ipv4(std::string_view text) {
  const auto parts = base::split(text, '.');
  std::array<std::uint8_t, 4> address{};
  if (parts.size() != address.size())
    return std::nullopt;
  for (std::size_t i = 0; i < address.size(); ++i) {
    const char* end = parts[i].data() + parts[i].size();
    const auto [stop, error] = std::from_chars(parts[i].data(), end, address[i]);
    if (error != std::errc() || stop != end || (parts[i].size() > 1 && parts[i].front() == '0'))
      return std::nullopt;
  }
  return address;
}

std::optional<Url> parse(std::string_view text, std::string_view scheme) {
  if (!std::all_of(text.begin(), text.end(), is_visible_ascii))
    return std::nullopt;
  if (text.size() < scheme.size() || !base::ascii_iequals(text.substr(0, scheme.size()), scheme))
    return std::nullopt;
  text.remove_prefix(scheme.size());
  text = text.substr(0, text.find('#'));
  const std::string_view authority = text.substr(0, text.find_first_of("/?\\"));
  const std::string_view rest = text.substr(authority.size());

  Url url;
  url.tls = scheme == "https://";
  url.port = url.tls ? 443 : 80;
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos)
      return std::nullopt;
    url.host = base::ascii_lower(authority.substr(1, end - 1));
    port = authority.substr(end + 1);
    if (!std::all_of(url.host.begin(), url.host.end(), is_ipv6_character) ||
        url.host.find(':') == std::string::npos)
      return std::nullopt;
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    url.host = base::ascii_lower(authority.substr(0, colon));
    port = authority.substr(colon);
    if (url.host.empty() || !std::all_of(url.host.begin(), url.host.end(), is_host_character))
      return std::nullopt;
  }
  if (!port.empty()) {
    const char* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data() + 1, end, url.port);
    if (port.front() != ':' || error != std::errc() || stop != end || url.port == 0)
      return std::nullopt;
  }
  if (rest.starts_with('\\'))
    return std::nullopt;
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return url;
}

}  // namespace

std::string Url::origin() const {
  std::string out = tls ? "https://" : "http://";
  out += bracketed(host);
  if (port != (tls ? 443 : 80))
    out += ":" + std::to_string(port);
  return out;
}

std::string Url::authority() const {
  return bracketed(host) + ":" + std::to_string(port);
}

std::string_view Url::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::optional<Url> parse_url(std::string_view text) {
  return parse(text, "https://");
}

std::optional<Url> parse_http_url(std::string_view text) {
  return parse(text, "http://");
}

bool is_plain_http_url(std::string_view text) {
  const auto url = parse_http_url(text);
  if (!url)
    return false;
  if (url->host == "localhost" || url->host == "::1")
    return true;
  const auto address = parse_ipv4(url->host);
  return address && ((*address)[0] == 127 || ((*address)[0] == 169 && (*address)[1] == 254));
}

std::optional<std::string> origin_of(std::string_view url) {
  const auto parsed = parse_url(url);
  if (!parsed)
    return std::nullopt;
  return parsed->origin();
}

std::string without_query(std::string_view url) {
  const auto parsed = parse_url(url);
  return parsed ? parsed->origin() + std::string(parsed->path()) : "(not a URL)";
}

}  // namespace gald::net
