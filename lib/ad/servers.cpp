#include "ad/servers.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace gald::ad {

namespace {

constexpr int kLdapPort = 389;
constexpr int kLdapsPort = 636;
constexpr std::chrono::minutes kFirstPause{1};
constexpr std::chrono::minutes kLongestPause{30};

std::string_view scheme_of(Security security) {
  return security == Security::ldaps ? "ldaps://" : "ldap://";
}

int default_port(Security security) {
  return security == Security::ldaps ? kLdapsPort : kLdapPort;
}

/// Any of the two schemes: for names alone the port does not matter.
std::string host_of(std::string_view url) {
  for (const Security security : {Security::ldaps, Security::starttls})
    if (const auto address = parse_server_url(url, security))
      return base::ascii_lower(address->host);
  return {};
}

}  // namespace

std::optional<ServerAddress> parse_server_url(std::string_view url, Security security) {
  const std::string_view scheme = scheme_of(security);
  if (!base::ascii_iequals(url.substr(0, scheme.size()), scheme))
    return std::nullopt;
  std::string_view rest = url.substr(scheme.size());
  if (rest.ends_with('/'))
    rest.remove_suffix(1);
  ServerAddress address{{}, default_port(security)};
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t end = rest.find(']');
    if (end == std::string_view::npos)
      return std::nullopt;
    address.host = rest.substr(1, end - 1);
    port = rest.substr(end + 1);
  } else {
    const std::size_t colon = rest.find(':');
    address.host = rest.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : rest.substr(colon);
  }
  if (address.host.empty() || address.host.find_first_of("/?#@") != std::string::npos)
    return std::nullopt;
  if (!port.empty()) {
    const char* end = port.data() + port.size();
    const auto [stop, error] = std::from_chars(port.data() + 1, end, address.port);
    if (port.front() != ':' || error != std::errc() || stop != end || address.port < 1 ||
        address.port > 65535)
      return std::nullopt;
  }
  return address;
}

std::string server_url(const SrvRecord& record, Security security) {
  const int port = security == Security::ldaps ? kLdapsPort : record.port;
  std::string url = std::string(scheme_of(security)) + base::ascii_lower(record.target);
  if (port != default_port(security))
    url += ":" + std::to_string(port);
  return url;
}

std::vector<std::string> ServerMemory::order(const std::vector<std::string>& urls,
                                             std::string_view preferred, Time now) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ordered = urls;
  if (!preferred.empty())
    std::stable_partition(ordered.begin(), ordered.end(), [&](const std::string& url) {
      return is_locked(url, preferred) == Answer::yes;
    });
  const auto not_before = [&](const std::string& url) {
    const auto known = known_.find(url);
    return known == known_.end() || known->second.not_before <= now ? Time::min()
                                                                    : known->second.not_before;
  };
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const auto& a, const auto& b) { return not_before(a) < not_before(b); });
  return ordered;
}

bool ServerMemory::failed(const std::string& url, Time now) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[url];
  constexpr int kEnoughDoublings = 5;
  const auto pause = kFirstPause * (1 << std::min(known.failures, kEnoughDoublings));
  known.not_before = now + std::min<std::chrono::minutes>(pause, kLongestPause);
  return known.failures++ == 0;
}

bool ServerMemory::worked(const std::string& url) {
  const std::lock_guard lock(mutex_);
  Known& known = known_[url];
  known.not_before = {};
  return std::exchange(known.failures, 0) != 0;
}

void ServerMemory::is_called(const std::string& url, const std::string& dns_name) {
  const std::lock_guard lock(mutex_);
  known_[url].dns_name = base::ascii_lower(dns_name);
}

ServerMemory::Answer ServerMemory::is(const std::string& url, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  return is_locked(url, name);
}

ServerMemory::Answer ServerMemory::is_locked(const std::string& url, std::string_view name) const {
  const auto known = known_.find(url);
  if (known != known_.end() && !known->second.dns_name.empty())
    return known->second.dns_name == name ? Answer::yes : Answer::no;
  return host_of(url) == name ? Answer::yes : Answer::unknown;
}

}  // namespace gald::ad
