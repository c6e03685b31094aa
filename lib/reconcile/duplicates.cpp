#include "reconcile/duplicates.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace gald::reconcile {

using model::RecordKind;
using model::StagedRecord;

namespace {

constexpr std::string_view kDuplicate = "duplicate";
constexpr std::string_view kReplacement = "replacement";

class Settling {
 public:
  Settling(std::vector<Cell> cells, std::span<const StagedRecord> records)
      : cells_(std::move(cells)), records_(records), dropped_(cells_.size()) {}

  /// What was put together before, and fell apart because no key holds it.
  void keep_decided() {
    std::map<std::string_view, std::size_t> carried_by;
    for (std::size_t c = 0; c < cells_.size(); ++c)
      if (!cells_[c].entry_id.empty() && !cells_[c].live.empty())
        carried_by[cells_[c].entry_id] = c;
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      if (!cells_[c].entry_id.empty() || !is_contact(cells_[c]))
        continue;
      const auto it = carried_by.find(entry_before(cells_[c]));
      if (it == carried_by.end() || !is_contact(cells_[it->second]))
        continue;
      if (const std::optional<std::string_view> link = decision(cells_[c]))
        attach(c, it->second, *link);
      else if (const auto other = decision(cells_[it->second]))
        attach(c, it->second, *other == kDuplicate ? kReplacement : kDuplicate);
    }
    for (Cell& cell : cells_)
      for (Cell::Member& member : cell.live)
        restore_mark(cell, member);
  }

  void settle_new(Duplicates policy) {
    std::map<std::string, std::set<std::size_t>> known;
    std::vector<std::size_t> fresh;
    for (std::size_t c = 0; c < cells_.size(); ++c)
      if (!dropped_[c] && is_contact(cells_[c])) {
        if (cells_[c].entry_id.empty() && entry_before(cells_[c]).empty())
          fresh.push_back(c);
        else
          introduce(c, known);
      }
    for (const std::size_t c : fresh) {
      std::set<std::size_t> met;
      for (const std::string& key : keys_of(cells_[c]))
        if (const auto it = known.find(key); it != known.end())
          met.insert(it->second.begin(), it->second.end());
      if (met.size() != 1)
        introduce(c, known);
      else if (policy == Duplicates::skip)
        dropped_[c] = true;
      else
        attach(c, *met.begin(), policy == Duplicates::merge ? kDuplicate : kReplacement);
    }
  }

  std::vector<Cell> result() {
    std::vector<Cell> left;
    for (std::size_t c = 0; c < cells_.size(); ++c)
      if (!dropped_[c])
        left.push_back(std::move(cells_[c]));
    return left;
  }

 private:
  bool is_contact(const Cell& cell) const {
    return !cell.live.empty() && records_[cell.live.front().record].kind == RecordKind::contact;
  }

  /// Of the records that live in the cell; empty: none was ever published.
  std::string_view entry_before(const Cell& cell) const {
    for (const Cell::Member& member : cell.live)
      if (!records_[member.record].entry_id.empty())
        return records_[member.record].entry_id;
    return {};
  }

  /// The earlier decision that a record of the cell bears.
  std::optional<std::string_view> decision(const Cell& cell) const {
    for (const Cell::Member& member : cell.live) {
      const std::string& link = records_[member.record].joined_by;
      if (link == kDuplicate || link == kReplacement)
        return link;
    }
    return std::nullopt;
  }

  /// What is left alone keeps its mark, so that the two are together again when the other one comes
  /// back.
  void restore_mark(const Cell& cell, Cell::Member& member) const {
    const StagedRecord& record = records_[member.record];
    if (member.joined_by.empty() && record.entry_id == cell.entry_id &&
        (record.joined_by == kDuplicate || record.joined_by == kReplacement))
      member.joined_by = record.joined_by;
  }

  /// By these it can meet another contact.
  std::set<std::string> keys_of(const Cell& cell) const {
    std::set<std::string> keys;
    for (const Cell::Member& member : cell.live)
      for (std::string& key : join_keys(records_[member.record]))
        if (key.starts_with("smtp:") || key.starts_with("person:"))
          keys.insert(std::move(key));
    return keys;
  }

  void introduce(std::size_t c, std::map<std::string, std::set<std::size_t>>& known) const {
    for (const std::string& key : keys_of(cells_[c]))
      known[key].insert(c);
  }

  /// The first records of a cell are those whose values win.
  void attach(std::size_t c, std::size_t to, std::string_view link) {
    std::vector<Cell::Member> joining = std::move(cells_[c].live);
    for (Cell::Member& member : joining)
      if (member.joined_by.empty())
        member.joined_by = link;
    std::vector<Cell::Member>& live = cells_[to].live;
    live.insert(link == kDuplicate ? live.end() : live.begin(), joining.begin(), joining.end());
    std::vector<std::size_t>& gone = cells_[to].gone;
    gone.insert(gone.end(), cells_[c].gone.begin(), cells_[c].gone.end());
    dropped_[c] = true;
  }

  std::vector<Cell> cells_;
  std::span<const StagedRecord> records_;
  std::vector<bool> dropped_;
};

}  // namespace

std::vector<Cell> settle_duplicates(std::vector<Cell> cells, std::span<const StagedRecord> records,
                                    Duplicates policy) {
  const bool decided_before =
      std::any_of(records.begin(), records.end(), [](const StagedRecord& record) {
        return record.joined_by == kDuplicate || record.joined_by == kReplacement;
      });
  if (policy == Duplicates::report && !decided_before)
    return cells;
  Settling settling(std::move(cells), records);
  settling.keep_decided();
  if (policy != Duplicates::report)
    settling.settle_new(policy);
  return settling.result();
}

}  // namespace gald::reconcile
