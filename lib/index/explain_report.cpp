#include "index/explain_report.hpp"

#include "base/guid.hpp"

namespace gald::index {

ExplainReport explain_report(const Reader& reader, const model::Entry& entry,
                             std::string_view asked, base::TimePoint now) {
  ExplainReport report;
  report.explanation =
      reconcile::explain(entry, reader.records(entry, now), reader.policy_in_force());
  reader.conflicts({{}, entry.id}, [&](const ConflictLine& line) {
    report.conflicts.push_back(line);
    return true;
  });
  if (const auto id = base::Guid::parse(asked); id && id->text() != entry.id)
    report.merged_id = id->text();
  return report;
}

}  // namespace gald::index
