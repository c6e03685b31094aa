#include "ad/session.hpp"

#include "base/text.hpp"

namespace gald::ad {

OwnedEntry::OwnedEntry(const Entry& entry) : dn(entry.dn) {
  attributes.reserve(entry.attributes.size());
  for (const EntryAttribute& attribute : entry.attributes)
    attributes.emplace_back(
        std::string(attribute.name),
        std::vector<std::string>(attribute.values.begin(), attribute.values.end()));
}

std::span<const std::string> OwnedEntry::values(std::string_view name) const {
  for (const auto& [candidate, found] : attributes)
    if (base::ascii_iequals(candidate, name))
      return found;
  return {};
}

std::string_view OwnedEntry::first(std::string_view name) const {
  const auto found = values(name);
  return found.empty() ? std::string_view() : std::string_view(found.front());
}

base::Result<Answer> search(Session& session, const SearchRequest& request, std::stop_token stop) {
  constexpr std::size_t kAtOnce = 100;
  if (const auto started = session.start(request); !started)
    return started.error();
  Answer answer;
  while (true) {
    auto batch = session.take(
        kAtOnce, [&answer](const Entry& entry) { answer.entries.emplace_back(entry); }, stop);
    if (!batch)
      return batch.error();
    if (batch->end) {
      answer.end = std::move(*batch->end);
      return answer;
    }
  }
}

}  // namespace gald::ad
