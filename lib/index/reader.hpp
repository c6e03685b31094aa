// Typed queries on a read-only connection: the same for the command line, REST and exports.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "index/contact_filter.hpp"
#include "index/permission.hpp"
#include "model/entry.hpp"
#include "model/plan.hpp"
#include "model/run.hpp"
#include "model/staged_record.hpp"
#include "reconcile/policy.hpp"

namespace gald::index {

struct SearchQuery {
  std::string text;  ///< words in any order, the beginnings of words too; of more than 32 the first
  ContactFilter filter = {};
  int limit = 20;
};

/// Somebody who was found, as far as is needed to tell whether it is the right one.
struct SearchHit {
  std::string id;
  model::EntryKind kind = model::EntryKind::contact;
  model::Source source = model::Source::cloud;
  model::Status status = model::Status::active;
  std::string display_name;
  std::string mail;
  std::string company_name;
  std::string department;
  std::string job_title;
  bool similar = false;  ///< has not the words that were typed, but some that are written or sound
                         ///< nearly the same
};

struct SearchResult {
  std::vector<SearchHit> hits;  ///< the best first
  bool more = false;            ///< there may be others
  bool ready = true;            ///< false: the search is still being made, after a first import or
                                ///< by a newer gald; the next publication goes on with it
};

/// What is known of one collection of one connector.
struct CollectionState {
  std::string connector;
  std::string connector_kind;
  std::string collection;
  std::string last_attempt;   ///< ISO 8601; empty: never
  std::string last_success;   ///< end of the last complete round; empty: never
  std::string failing_since;  ///< first failed attempt after last_success; empty: not failing
  std::string last_error;     ///< of the last attempt, if that failed
  std::int64_t live_records = 0;
  std::int64_t quarantined = 0;
  std::string last_full_read = {};  ///< end of the last complete round that saw everything
  bool has_cursor = false;          ///< the next round only asks what changed
};

/// A credential that ends by itself, as the last cycle saw it.
struct CredentialState {
  std::string connector;
  std::string credential;  ///< "certificate CN=gald", "client secret"
  std::string ends_at;     ///< ISO 8601
};

struct RunSummary {
  std::int64_t id = 0;
  std::string started_at;
  std::string ended_at;  ///< empty: still running, or it died
  std::string outcome;   ///< "complete" | "partial" | "failed"; empty with ended_at
  std::string error;
  model::PublishedCounts published = {};
};

/// A conflict as an operator reads it (reconcile/conflict.hpp).
struct ConflictLine {
  struct Side {
    std::string id;  ///< empty: the conflict concerns one contact only
    std::string kind;
    std::string display_name;
  };

  std::string kind;  ///< "collision", "duplicate", ...
  Side contact;
  Side other;
  std::string evidence;
  std::string since;  ///< ISO 8601
  std::string remedy;
};

/// Empty members do not restrict.
struct ConflictFilter {
  std::string kind;
  std::string contact_id;  ///< on either side
};

struct Overview {
  struct Line {
    model::EntryKind kind;
    model::Source source;
    model::Status status;
    std::int64_t count;
  };

  std::vector<Line> lines;
  std::int64_t hidden = 0;  ///< of the contacts that are not deleted
  std::int64_t memberships = 0;
  std::int64_t last_change = 0;  ///< number of the newest change; 0: none
  bool published = false;        ///< a first publication has happened

  /// How many of each kind there are; kinds without any are left out.
  std::vector<std::pair<std::string, std::int64_t>> conflicts;
};

/// How the index stands.
struct Glance {
  bool published = false;        ///< a first publication has happened
  std::int64_t last_change = 0;  ///< number of the newest change; 0: none
  std::int64_t last_run = 0;     ///< 0: none
  bool run_ended = false;        ///< that run has
  std::int64_t open_plans = 0;
};

struct LookupHit;
struct LookupOptions;
struct Page;
struct PageQuery;

/// A group and how many direct members it has.
struct GroupSize {
  std::string id;
  std::string display_name;
  std::int64_t members = 0;
};

/// With a permission, all that is not permitted does not exist (narrowing.hpp); of the runs and
/// collections it says when they were, and of plans nothing.
///
/// One connection, one thread. Sees the state of the moment for each call; never blocks the writer
/// and is never blocked.
class Reader {
 public:
  /// Throws std::runtime_error with one clear line when there is no index, when it is not one, or
  /// when it was made by a newer gald. Told to stop, whatever is asked of it ends soon with an
  /// exception.
  explicit Reader(const std::filesystem::path& file, const Permission& permission = {},
                  std::stop_token stop = {});
  ~Reader();
  Reader(Reader&&) noexcept;

  /// Streams in the order of display name, then id. The visitor returns false to stop. Throws
  /// NoSuchGroup before the first contact.
  void contacts(const ContactFilter& filter,
                const std::function<bool(const model::Contact&)>& visit) const;

  /// A part of contacts(), in one of several orders (page.hpp). Who is there from the first page to
  /// the last comes exactly once, in order, whatever is published meanwhile, unless it is renamed;
  /// in the orders of change, who changes moves. Throws NoSuchGroup and ForeignPosition.
  Page page(const PageQuery& query, const std::function<void(const model::Contact&)>& visit) const;

  /// By id (a merged contact's id leads to the survivor), by mail, or by any address; when there is
  /// none, by display name. Groups too. Several only when an address or name is shared.
  std::vector<model::Contact> find(std::string_view id_or_address) const;

  /// By words of names, addresses, company, department and title, without case and accents. Who has
  /// all of them as words of the name comes first, then whose name begins so, then who has them
  /// elsewhere; active before disabled before deleted. When there are few, those with similar names
  /// follow. The work is bounded: `more` says that it ended before the end.
  SearchResult search(const SearchQuery& query) const;

  /// Whose number or address it is, also one of before, the likeliest first (lookup.hpp). Where
  /// nobody else has it, those who had it and are deleted.
  std::vector<LookupHit> lookup(std::string_view number_or_address,
                                const LookupOptions& options) const;

  /// Newest first.
  std::vector<model::HistoryLine> history(std::string_view entry_id, int limit) const;

  /// Of one run, in the order of publication.
  std::vector<model::HistoryLine> changes_of_run(std::int64_t run, int limit) const;

  Overview overview() const;

  /// Costs the same however much is in the index.
  Glance glance() const;

  /// Of all groups that are not deleted, the largest first.
  std::vector<GroupSize> group_sizes() const;

  /// Direct ones of the group with this id.
  std::int64_t member_count(std::string_view group_id) const;
  std::vector<CollectionState> collections() const;
  std::vector<CredentialState> credentials() const;

  /// Newest first; with `before`, those with a smaller number.
  std::vector<RunSummary> runs(int limit, std::optional<std::int64_t> before = {}) const;

  /// What a run read, by connector and collection; the remedies are not kept.
  std::vector<model::CollectionReport> read_by_run(std::int64_t run) const;

  /// What the index was published with; a configured one may still wait in a plan.
  reconcile::Policy policy_in_force() const;

  /// By kind, then the newest first. The visitor returns false to stop.
  void conflicts(const ConflictFilter& filter,
                 const std::function<bool(const ConflictLine&)>& visit) const;

  /// All records of an entry as the sources last said them, in no order. An account is expired if
  /// it ended before `now`.
  std::vector<model::StagedRecord> records(const model::Entry& entry, base::TimePoint now) const;

  /// Newest first. Those that are open or rejected, or all.
  std::vector<model::HeldPlan> plans(bool decided_too, int limit) const;
  std::optional<model::HeldPlan> plan(std::int64_t number) const;

  /// Streams what the plan would do if it were approved `now` (ISO 8601). Reconciles anew what it
  /// is about; for a plan of the policy that is everything.
  void planned(std::int64_t number, const std::string& now,
               const std::function<void(const model::HeldChange&)>& visit) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::index
