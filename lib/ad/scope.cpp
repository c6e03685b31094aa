#include "ad/scope.hpp"

#include <algorithm>
#include <array>

#include "base/guid.hpp"
#include "base/text.hpp"

namespace gald::ad {

using base::Error;
using base::ErrorKind;
using model::RecordKind;

namespace {

constexpr std::string_view kContainers =
    "(objectClass=organizationalUnit)(objectClass=container)(objectClass=domainDNS)"
    "(objectClass=builtinDomain)";

/// GUIDs in one filter.
constexpr std::size_t kAtOnce = 200;

std::string escaped(const std::string& bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += '\\';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 0xf];
  }
  return out;
}

base::Result<std::string> anchor_of(Session& session, std::string_view key, const std::string& dn,
                                    std::stop_token stop) {
  auto answer = search(session, {.base = dn, .attributes = {"objectGUID"}}, std::move(stop));
  if (!answer)
    return answer.error();
  if (answer->end.code == result_code::kSuccess && answer->entries.size() == 1)
    if (const auto guid = base::Guid::from_ad_bytes(answer->entries[0].first("objectGUID")))
      return guid->text();
  return Error{ErrorKind::config,
               std::string(key) + ": " + dn + " cannot be found: " + answer->end.text,
               "if it was renamed or moved, write its new name; if it is gone, remove it"};
}

}  // namespace

base::Result<ScopeRules> find_scope(Session& session, const ScopeOptions& options,
                                    const std::string& naming_context, std::stop_token stop) {
  ScopeRules rules;
  const auto add = [&](std::string_view key, const std::vector<std::string>& names,
                       const char* rule) -> std::optional<Error> {
    for (const std::string& dn : names) {
      auto anchor = anchor_of(session, key, dn, stop);
      if (!anchor)
        return anchor.error();
      if (!rules.containers.emplace(*anchor, rule).second)
        return Error{ErrorKind::config, dn + " stands in base, include and exclude twice"};
    }
    return std::nullopt;
  };
  auto trouble = add("base", options.base, "in");
  if (!trouble)
    trouble = add("include", options.include, "in");
  if (!trouble)
    trouble = add("exclude", options.exclude, "out");
  if (trouble)
    return std::move(*trouble);
  if (!options.base.empty()) {
    // the whole of the context may itself be one of the places
    rules.head_is_out = std::none_of(
        options.base.begin(), options.base.end(),
        [&](const std::string& dn) { return base::ascii_iequals(dn, naming_context); });
  }
  return rules;
}

std::string class_filter(const ScopeOptions& options) {
  std::string filter = "(|";
  if (options.wants(RecordKind::contact))
    filter += "(objectClass=contact)";
  if (options.wants(RecordKind::user))
    filter += "(&(objectClass=user)(!(objectClass=computer)))";
  if (options.wants(RecordKind::group))
    filter += "(objectClass=group)";
  return filter.append(kContainers).append(")");
}

std::set<std::string> filter_attributes(std::string_view filter) {
  std::set<std::string> names;
  for (std::size_t at = filter.find('('); at != std::string_view::npos;
       at = filter.find('(', at + 1)) {
    const std::string_view item = filter.substr(at + 1);
    const std::string_view name = base::trim(item.substr(0, item.find_first_of("=~<>:;()&|!")));
    if (!name.empty())
      names.insert(base::ascii_lower(name));
  }
  return names;
}

base::Result<std::set<std::string>> matching(Session& session, const std::string& naming_context,
                                             const std::string& filter,
                                             const std::vector<std::string>& anchors,
                                             std::stop_token stop) {
  std::set<std::string> found;
  for (std::size_t from = 0; from < anchors.size(); from += kAtOnce) {
    SearchRequest request{.base = naming_context,
                          .scope = Scope::subtree,
                          .filter = "(&(|",
                          .attributes = {"objectGUID"}};
    for (std::size_t i = from; i < std::min(from + kAtOnce, anchors.size()); ++i)
      if (const auto guid = base::Guid::parse(anchors[i]))
        request.filter += "(objectGUID=" + escaped(guid->ad_bytes()) + ")";
    request.filter += ")(|" + filter + std::string(kContainers) + "))";
    const auto answer = search(session, request, stop);
    if (!answer)
      return answer.error();
    if (answer->end.code != result_code::kSuccess)
      return Error{ErrorKind::config, "the filter " + filter + " was refused: " + answer->end.text};
    for (const OwnedEntry& entry : answer->entries)
      if (const auto guid = base::Guid::from_ad_bytes(entry.first("objectGUID")))
        found.insert(guid->text());
  }
  return found;
}

}  // namespace gald::ad
