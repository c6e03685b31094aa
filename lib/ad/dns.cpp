#include "ad/dns.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include "ad/bounded.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace {

using base::Error;
using base::ErrorKind;

using Records = base::Result<std::vector<SrvRecord>>;

/// Ends what res_ninit() began, sockets included.
struct Resolver {
  struct __res_state state {};

  bool ready = res_ninit(&state) == 0;

  Resolver() = default;
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  ~Resolver() {
    if (ready)
      res_nclose(&state);
  }
};

Records ask(const std::string& name) {
  Resolver resolver;
  if (!resolver.ready)
    return Error{ErrorKind::config, "the name servers of this machine are not known",
                 "/etc/resolv.conf must name one"};
  std::vector<unsigned char> answer(NS_MAXMSG);
  // the name is complete: no search list, which would ask strangers for our domain
  const int size = res_nquery(&resolver.state, name.c_str(), ns_c_in, ns_t_srv, answer.data(),
                              static_cast<int>(answer.size()));
  if (size >= 0)
    return parse_srv_answer(
        std::span(answer).first(std::min(static_cast<std::size_t>(size), answer.size())));
  switch (resolver.state.res_h_errno) {
    case HOST_NOT_FOUND:
    case NO_DATA:
      return std::vector<SrvRecord>();
    default:
      return Error{ErrorKind::network, "the name service does not answer the question for " + name,
                   "do the name servers in /etc/resolv.conf know the domain?"};
  }
}

}  // namespace

std::string controllers_name(const std::string& domain, const std::string& site) {
  return "_ldap._tcp." + (site.empty() ? "" : site + "._sites.") + "dc._msdcs." + domain;
}

bool is_below(std::string_view host, std::string_view domain) {
  return host.size() > domain.size() + 1 && host[host.size() - domain.size() - 1] == '.' &&
         base::ascii_iequals(host.substr(host.size() - domain.size()), domain);
}

std::vector<SrvRecord> order_srv(std::vector<SrvRecord> records, const Dice& dice) {
  // those without a weight first in each priority, so that they have their small chance
  std::stable_sort(records.begin(), records.end(), [](const SrvRecord& a, const SrvRecord& b) {
    return std::pair(a.priority, a.weight != 0) < std::pair(b.priority, b.weight != 0);
  });
  for (auto begin = records.begin(); begin != records.end();) {
    auto end = std::find_if(begin, records.end(), [&](const SrvRecord& record) {
      return record.priority != begin->priority;
    });
    while (begin != end) {
      const int sum = std::accumulate(begin, end, 0, [](int so_far, const SrvRecord& record) {
        return so_far + record.weight;
      });
      const int chosen = static_cast<int>(dice(static_cast<unsigned>(sum)));
      int running = 0;
      auto at = begin;
      for (; at + 1 != end; ++at) {
        running += at->weight;
        if (running >= chosen)
          break;
      }
      std::rotate(begin, at, at + 1);
      ++begin;
    }
  }
  return records;
}

Records parse_srv_answer(std::span<const unsigned char> answer) {
  const Error garbled{ErrorKind::protocol, "the name service answered something that is not DNS"};
  constexpr std::size_t kFixedPart = 6;  // priority, weight and port
  ns_msg message{};
  if (ns_initparse(answer.data(), static_cast<int>(answer.size()), &message) != 0)
    return garbled;
  std::vector<SrvRecord> records;
  for (int i = 0; i < ns_msg_count(message, ns_s_an); ++i) {
    ns_rr record{};
    if (ns_parserr(&message, ns_s_an, i, &record) != 0)
      return garbled;
    if (ns_rr_type(record) != ns_t_srv)
      continue;  // an alias on the way
    const unsigned char* data = ns_rr_rdata(record);
    std::array<char, NS_MAXDNAME> target{};
    if (ns_rr_rdlen(record) <= kFixedPart ||
        dn_expand(ns_msg_base(message), ns_msg_end(message), data + kFixedPart, target.data(),
                  static_cast<int>(target.size())) < 0)
      return garbled;
    std::string host = target.data();
    if (host.ends_with('.'))
      host.pop_back();
    if (!host.empty())
      records.push_back({.target = std::move(host),
                         .port = static_cast<int>(ns_get16(data + 4)),
                         .priority = static_cast<int>(ns_get16(data)),
                         .weight = static_cast<int>(ns_get16(data + 2))});
  }
  return records;
}

Records look_up_srv(const std::string& name, std::chrono::seconds limit, std::stop_token stop) {
  return wait_in_thread([name] { return ask(name); }, std::chrono::steady_clock::now() + limit,
                        std::move(stop),
                        "the name service did not answer the question for " + name + " in time");
}

}  // namespace gald::ad
