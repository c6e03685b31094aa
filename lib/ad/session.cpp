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

void with_views(const OwnedEntry& entry, const std::function<void(const Entry&)>& visit) {
  std::vector<std::vector<std::string_view>> values;
  values.reserve(entry.attributes.size());
  std::vector<EntryAttribute> attributes;
  attributes.reserve(entry.attributes.size());
  for (const auto& [name, texts] : entry.attributes) {
    values.emplace_back(texts.begin(), texts.end());
    attributes.push_back({name, values.back()});
  }
  visit({entry.dn, attributes});
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

base::Result<std::monostate> CountingSession::start(const SearchRequest& request) {
  ++requests_;
  return session_->start(request);
}

base::Result<Batch> CountingSession::take(std::size_t most, const EntryVisitor& visit,
                                          std::stop_token stop) {
  auto batch = session_->take(most, visit, std::move(stop));
  if (batch)
    bytes_ += batch->bytes;
  return batch;
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
