#include "ad/range_retrieval.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "ad/dirsync.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace {

constexpr std::string_view kOption = ";range=";

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

bool is_link_delta(const Range& range, Way way) {
  return way == Way::dirsync && range.last && *range.last <= 1 && range.first == *range.last;
}

bool is_open(std::string_view name, Way way) {
  const auto range = parse_range(name);
  return range && range->last && !is_link_delta(*range, way);
}

struct Part {
  bool known = false;
  bool last = false;
  std::vector<std::string> values;
};

/// One request: the values from `first` on.
base::Result<Part> ask(Session& session, const std::string& object, const std::string& attribute,
                       std::size_t first, std::stop_token stop) {
  const std::string wanted = attribute + std::string(kOption) + std::to_string(first) + "-*";
  auto answer =
      search(session, {.base = object, .attributes = {wanted}, .controls = {extended_dn_control()}},
             std::move(stop));
  if (!answer)
    return answer.error();
  Part part;
  if (answer->end.code != result_code::kSuccess || answer->entries.size() != 1)
    return part;
  for (auto& [name, values] : answer->entries[0].attributes) {
    const auto range = parse_range(name);
    if (!range || !base::ascii_iequals(range->attribute, attribute) || range->first != first)
      continue;
    part.last = !range->last;
    // a part that does not advance would be asked for without end
    part.known = part.last || (!values.empty() && *range->last + 1 == first + values.size());
    part.values = std::move(values);
  }
  return part;
}

}  // namespace

std::optional<Range> parse_range(std::string_view name) {
  const std::size_t at = name.find(';');
  if (at == std::string_view::npos || name.size() < at + kOption.size() ||
      !base::ascii_iequals(name.substr(at, kOption.size()), kOption))
    return std::nullopt;
  const std::string_view bounds = name.substr(at + kOption.size());
  const std::size_t dash = bounds.find('-');
  if (dash == std::string_view::npos)
    return std::nullopt;
  const auto first = number(bounds.substr(0, dash));
  const std::string_view end = bounds.substr(dash + 1);
  const auto last = number(end);
  if (!first || (!last && end != "*"))
    return std::nullopt;
  return Range{name.substr(0, at), *first, last};
}

bool has_open_range(const Entry& entry, Way way) {
  return std::any_of(entry.attributes.begin(), entry.attributes.end(),
                     [way](const EntryAttribute& a) { return is_open(a.name, way); });
}

base::Result<bool> complete_ranges(Session& session, OwnedEntry& entry, Way way,
                                   std::stop_token stop) {
  const auto guid = base::Guid::from_ad_bytes(entry.first("objectGUID"));
  if (!guid)
    return false;
  const std::string object = "<GUID=" + guid->text() + ">";
  std::vector<std::string> completed;
  for (std::size_t i = 0; i < entry.attributes.size(); ++i) {
    const auto range = parse_range(entry.attributes[i].first);
    if (!range || !range->last || is_link_delta(*range, way))
      continue;
    const std::string attribute(range->attribute);
    std::vector<std::string> values = std::move(entry.attributes[i].second);
    if (range->first != 0 || values.size() != *range->last + 1)
      return false;
    for (bool last = false; !last;) {
      auto part = ask(session, object, attribute, values.size(), stop);
      if (!part)
        return part.error();
      if (!part->known)
        return false;
      last = part->last;
      std::move(part->values.begin(), part->values.end(), std::back_inserter(values));
    }
    completed.push_back(attribute);
    entry.attributes[i] = {attribute, std::move(values)};
  }
  // the plain name without values, which announced the ranges, says nothing any more
  std::erase_if(entry.attributes, [&completed](const auto& attribute) {
    return attribute.second.empty() &&
           std::any_of(completed.begin(), completed.end(), [&attribute](const std::string& name) {
             return base::ascii_iequals(name, attribute.first);
           });
  });
  return true;
}

}  // namespace gald::ad
