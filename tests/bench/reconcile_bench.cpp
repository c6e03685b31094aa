#include "reconcile_bench.hpp"

#include <algorithm>
#include <map>
#include <span>
#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/index.hpp"
#include "reconcile/reconcile.hpp"

namespace gald::bench {

using model::Attribute;
using model::Change;
using model::ConnectorKind;
using model::Entry;
using model::StagedRecord;

namespace {

constexpr int kPeople = 50'000;  // with a record on either side
constexpr int kBatchOfPeople = 250;
constexpr int kPage = 200;

const index::CollectionKey kAd{"ad", ConnectorKind::active_directory, "directory", "v1"};
const index::CollectionKey kEntra{"entra", ConnectorKind::entra, "contacts", "v1"};

std::string anchor(int number, bool in_ad) {
  char text[40];
  std::snprintf(text, sizeof text, "%08x-000%c-4000-8000-%012d",
                static_cast<unsigned>(number) * 2654435761u, in_ad ? '1' : '2', number);
  return text;
}

model::Attributes attributes(int number, bool in_ad, const std::string& title) {
  const std::string name = std::to_string(number);
  model::Attributes all = {
      {Attribute::display_name, {"Person Number " + name}},
      {Attribute::given_name, {"Person"}},
      {Attribute::surname, {"Number " + name}},
      {Attribute::company_name, {"Fabrikam"}},
      {Attribute::department, {"Department " + std::to_string(number % 97)}},
      {Attribute::job_title, {title}},
      {Attribute::mail, {"p" + name + "@fabrikam.example"}},
      {Attribute::proxy_addresses,
       {"SMTP:p" + name + "@fabrikam.example", "smtp:person." + name + "@fabrikam.example"}},
      {Attribute::business_phones, {"+49 30 23125 " + name}},
      {Attribute::mobile_phone, {"+49 176 0406 " + name}},
      {Attribute::city, {"Berlin"}},
      {Attribute::country, {"Germany"}},
  };
  if (!in_ad)
    all[Attribute::sync_enabled] = {"true"};
  return all;
}

// --- reconcile() alone ---------------------------------------------------------------------------

/// The records of some people as they are loaded after all of them changed.
std::vector<StagedRecord> batch_of(int from, int to, const std::string& title) {
  std::vector<StagedRecord> records;
  for (int number = from; number < to; ++number)
    for (const bool in_ad : {true, false}) {
      StagedRecord record;
      record.id = number * 2 + (in_ad ? 0 : 1);
      record.connector = in_ad ? kAd.connector : kEntra.connector;
      record.connector_kind = in_ad ? kAd.connector_kind : kEntra.connector_kind;
      record.anchor = anchor(number, in_ad);
      record.attributes = attributes(number, in_ad, title);
      record.touched = true;
      records.push_back(std::move(record));
    }
  return records;
}

double cpu_of_reconciling(int people) {
  double spent = 0;
  for (int from = 0; from < people; from += kBatchOfPeople) {
    const int to = std::min(from + kBatchOfPeople, people);
    std::vector<StagedRecord> records = batch_of(from, to, "Manager");
    std::vector<Entry> published;
    for (const reconcile::PlannedEntry& planned :
         reconcile::reconcile(batch_of(from, to, "Engineer"), {})) {
      published.push_back(planned.entry);
      for (const reconcile::PlannedLink& link : planned.records) {
        StagedRecord& record = records.at(static_cast<std::size_t>(link.record - from * 2));
        record.entry_id = planned.entry.id;
        record.joined_by = link.joined_by;
        record.was_live = true;
      }
    }
    const double start = cpu_seconds();
    const reconcile::Plan plan = reconcile::reconcile(records, published);
    spent += cpu_seconds() - start;
    for (const reconcile::PlannedEntry& planned : plan)
      if (planned.operation != reconcile::Operation::update || planned.records.size() != 2)
        throw std::runtime_error("reconciling did not change what it should");
  }
  return spent;
}

// --- publications in processes of their own ------------------------------------------------------

void stage(index::Index& index, int people, const std::string& title) {
  for (const bool in_ad : {true, false}) {
    const index::CollectionKey& key = in_ad ? kAd : kEntra;
    index.position(key);
    for (int from = 0; from < people; from += kPage) {
      const int to = std::min(from + kPage, people);
      std::vector<Change> page;
      for (int number = from; number < to; ++number) {
        Change change;
        change.anchor = anchor(number, in_ad);
        change.kind = model::RecordKind::contact;
        change.set = attributes(number, in_ad, title);
        page.push_back(std::move(change));
      }
      index.apply(key, page, {}, model::Cursor{std::to_string(to), ""}, to == people);
    }
  }
}

Cost cost_of_publishing(const std::filesystem::path& self, const std::filesystem::path& file) {
  return cost_of_program({self.string(), "--publish", file.string()});
}

void touch_everything(const std::filesystem::path& file) {
  SQLite::Database(file.string(), SQLite::OPEN_READWRITE).exec("UPDATE record SET touched = 1");
}

}  // namespace

void prepare_index(const std::filesystem::path& file, int people) {
  const base::SystemClock clock;
  index::Index index(file, clock);
  stage(index, people, "Engineer");
  index.publish(index.begin_run(), {}, {});
  stage(index, people, "Manager");
}

void publish_index(const std::filesystem::path& file) {
  const base::SystemClock clock;
  index::Index index(file, clock);
  index.publish(index.begin_run(), {}, {});
}

std::vector<Row> measure_reconcile(const std::filesystem::path& self,
                                   const std::filesystem::path& directory) {
  const std::filesystem::path small = directory / "small.db";
  const std::filesystem::path large = directory / "large.db";
  cost_of_program({self.string(), "--prepare", small.string(), std::to_string(kPeople / 10)});
  cost_of_program({self.string(), "--prepare", large.string(), std::to_string(kPeople)});
  const Cost of_small = cost_of_publishing(self, small);
  const Cost changed = cost_of_publishing(self, large);
  touch_everything(large);
  const Cost unchanged = cost_of_publishing(self, large);
  const double writing = changed.cpu_s - unchanged.cpu_s;
  const double reconciling = cpu_of_reconciling(kPeople);
  return {
      {"reconcile.cost", "reconciling 100,000 changed records / writing the results",
       reconciling / writing, 1.0, reconciling, peak_rss_mib()},
      {"reconcile.memory", "publishing 100,000 changed records / 10,000, peak memory",
       changed.peak_rss_mib / of_small.peak_rss_mib, 1.25, changed.cpu_s, changed.peak_rss_mib}};
}

}  // namespace gald::bench
