#include "file_index.hpp"

#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/reader.hpp"

namespace gald::simulation {

void FileIndex::reopen() {
  index_.reset();
  index_ = std::make_unique<index::Index>(file(), clock_);
}

index::CollectionKey FileIndex::key_of(const std::string& connector, ConnectorKind kind) const {
  return {connector, kind, "objects", "v1"};
}

void FileIndex::tell(std::span<const Said> page) {
  std::map<std::string, std::vector<Said>> by_connector;
  for (const Said& said : page)
    by_connector[said.connector].push_back(said);
  for (const auto& [connector, some] : by_connector) {
    const index::CollectionKey key = key_of(connector, some.front().connector_kind);
    index_->position(key);
    apply(key, some, true);
  }
}

void FileIndex::tell_everything(const std::string& connector, ConnectorKind kind,
                                std::span<const Said> all) {
  const index::CollectionKey key = key_of(connector, kind);
  index_->restart(key);
  std::vector<Said> live;
  for (const Said& said : all)
    if (said.connector == connector && said.presence == Presence::live)
      live.push_back(said);
  apply(key, live, true);
}

void FileIndex::apply(const index::CollectionKey& key, std::span<const Said> page, bool last) {
  std::vector<model::Change> changes;
  for (const Said& said : page) {
    model::Change change;
    change.anchor = said.anchor;
    change.kind = said.kind;
    change.presence = said.presence;
    change.set = said.attributes;
    change.whole = true;
    changes.push_back(std::move(change));
    if (said.attributes.contains(Attribute::reference))
      references_.insert(name_of(said));
  }
  index_->apply(key, changes, {}, model::Cursor{std::to_string(++cursors_), ""}, last);
}

int FileIndex::publish() {
  clock_.advance(std::chrono::minutes(1));
  return static_cast<int>(index_->publish(index_->begin_run(), {}, {}).total());
}

Published FileIndex::published() const {
  Published published;
  index::ContactFilter filter;
  filter.with_deleted = true;
  for (const auto kind : {model::EntryKind::contact, model::EntryKind::user,
                          model::EntryKind::guest, model::EntryKind::group}) {
    filter.kind = kind;
    index::Reader(file()).contacts(filter, [&](const model::Contact& contact) {
      const model::Entry& entry = contact.entry;
      PublishedContact& found = published.contacts[entry.id];
      found = {entry.kind, entry.source, entry.status, {}, values_text(entry)};
      for (const model::RecordLink& record : contact.records)
        if (record.presence == Presence::live)
          if (const std::string name = name_of(record.connector, record.anchor);
              !references_.contains(name))
            found.records.insert(name);
      return true;
    });
  }
  SQLite::Database database(file().string());
  SQLite::Statement merged(database, "SELECT id, forward_to FROM merged_contacts");
  while (merged.executeStep())
    published.forwards[merged.getColumn(0).getString()] = merged.getColumn(1).getString();
  return published;
}

}  // namespace gald::simulation
