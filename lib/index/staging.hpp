// The durable store of records, as the sources last said them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include "base/clock.hpp"
#include "index/anchor_table.hpp"
#include "index/index.hpp"
#include "index/key_buffer.hpp"
#include "index/query.hpp"
#include "model/staged_record.hpp"

namespace gald::index {

/// What staging has of an object, as the reconciler sees it.
model::StagedRecord as_record(model::ConnectorKind connector, const std::string& anchor,
                              model::RecordKind kind, model::Presence presence,
                              const model::Attributes& attributes);

/// Those of reconcile::join_keys() that are kept in the table of keys. The object's own anchor is
/// not: the index over records finds it as well (BatchLoader).
std::vector<std::string> stored_keys(const model::StagedRecord& record);

/// Works on the writer's connection; the caller serialises. Each public call is one transaction.
class Staging {
 public:
  Staging(SQLite::Database& database, Statements& statements, const base::Clock& clock);

  Position position(const CollectionKey& key);
  Position restart(const CollectionKey& key);
  model::StagedCounts apply(const CollectionKey& key, std::vector<model::Change> changes,
                            const std::vector<model::Rejected>& rejected,
                            const std::optional<model::Cursor>& next, bool last);
  std::vector<std::string> never_complete(const std::vector<CollectionKey>& keys);

  /// Before a publication: what follows for the records without their source saying so. Accounts
  /// whose end has passed are looked at again, and whatever changed is in scope or out of it.
  void settle();

  /// After a publication: what a first import put off beyond it.
  void finish_publication();

  /// The record is found under other keys from now on; who is left under an old one is looked at
  /// again.
  void replace_keys(std::int64_t record, const std::vector<std::string>& before,
                    const std::vector<std::string>& now);

 private:
  struct Collection {
    std::int64_t id = 0;
    std::int64_t connector = 0;
    model::ConnectorKind connector_kind = model::ConnectorKind::entra;
    std::string fingerprint;
    model::Cursor cursor;
    bool full = true;
    bool marking = false;
    std::optional<base::TimePoint> full_at;
    bool scoped = false;
    std::optional<std::string> scope;
    bool rescoped = false;
    bool completed = false;
    bool lists_everything = false;
    double plausible_share = 0;
    std::vector<model::RecordKind> kinds_left_out;
  };

  struct Stored {
    std::int64_t id = 0;
    model::RecordKind kind = model::RecordKind::contact;
    model::Presence presence = model::Presence::live;
    std::string attributes;
  };

  model::StagedCounts apply_page(const CollectionKey& key, std::vector<model::Change>& changes,
                                 const std::vector<model::Rejected>& rejected,
                                 const std::optional<model::Cursor>& next, bool last);
  void begin_import();
  void finish_import();
  std::optional<std::int64_t> next_record(std::int64_t after);
  void buffer_keys_of(std::int64_t record);
  void write_keys();
  Collection collection(const CollectionKey& key);
  Position begin_full(const Collection& collection);
  void forget_marks(const Collection& collection);
  std::optional<Stored> stored(const Collection& collection, const std::string& anchor);
  void apply_change(const Collection& collection, model::Change change,
                    model::StagedCounts& counts);
  bool apply_members(const Collection& collection, std::int64_t group, const model::Change& change);
  bool add_member(const Collection& collection, std::int64_t group, const std::string& member);
  bool remove_member(std::int64_t group, const std::string& member);
  void touch_member(std::int64_t group, const std::string& member);
  bool first_sight(const Collection& collection, std::int64_t record);
  void see_member(const Collection& collection, std::int64_t group, const std::string& member);
  void touch_below(const Collection& collection, const std::string& anchor);
  void drop_links(const Collection& collection, std::int64_t record, const std::string& anchor);
  void add_keys(std::int64_t record, const std::vector<std::string>& keys);
  void keep_last_live(std::int64_t record);
  void keep_last_enabled(std::int64_t record);
  void keep(const Collection& collection, const std::string& anchor);
  bool is_implausible(const Collection& collection, model::StagedCounts& counts);
  std::int64_t sweep(const Collection& collection);
  std::int64_t sweep_records(const Collection& collection, const std::string& seen, bool& more);
  bool sweep_members(const Collection& collection, const std::string& seen);
  bool anything_is_scoped();
  std::int64_t settle_scope(std::int64_t after,
                            std::map<std::pair<std::int64_t, std::string>, bool>& known);
  bool leaves_out(std::int64_t connector, const std::string& container,
                  std::map<std::pair<std::int64_t, std::string>, bool>& known);
  void quarantine(const Collection& collection, const model::Rejected& rejected);
  void release(const Collection& collection);

  SQLite::Database& database_;
  Statements& statements_;
  const base::Clock& clock_;
  std::map<std::int64_t, std::set<std::string>> rejected_;  ///< by collection: in this listing

  std::string blob_;          ///< the attributes of the record at hand
  bool indexed_ = false;      ///< make_record_indexes() has nothing to do, as far as is known
  bool quarantined_ = false;  ///< somebody of the collection at hand may be

  /// The first import is under way: there was no record when it began, and the indexes over the
  /// records are made, and the keys sorted in, at its end. Every record is still to be published.
  bool importing_ = false;
  AnchorTable anchors_;              ///< of the records, while importing_
  std::set<std::int64_t> imported_;  ///< collections with records, likewise
  KeyBuffer keys_;                   ///< of the records, likewise, if not yet written
  std::set<std::int64_t> rekeyed_;   ///< records whose keys in there are not the last ones
};

}  // namespace gald::index
