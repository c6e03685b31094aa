// What an index publishes, as far as identity and classification go, in a form to compare.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/entry.hpp"

namespace gald::simulation {

struct PublishedContact {
  model::EntryKind kind = model::EntryKind::contact;
  model::Source source = model::Source::cloud;
  model::Status status = model::Status::active;
  std::set<std::string> records;  ///< "ad/1": those that are there now
  std::string values;             ///< everything else that consumers see, in one line

  bool operator==(const PublishedContact&) const = default;
};

struct Published {
  std::map<std::string, PublishedContact> contacts;  ///< by id, the deleted ones too
  std::map<std::string, std::string> forwards;       ///< merged id → the id it leads to

  bool operator==(const Published&) const = default;
};

/// One line for each contact, sorted: "contact hybrid active: ad/1 entra/2". With ids, " = ad/1"
/// behind it: the object whose anchor the id was made from ("ad/1+": of that anchor's name with a
/// plus). Deleted contacts have no records.
std::vector<std::string> lines(const Published& published,
                               const std::map<std::string, std::string>& born_of,
                               bool with_deleted = true);
std::vector<std::string> lines_without_ids(const Published& published);

/// The values of an entry in one line.
std::string values_text(const model::Entry& entry);

/// Where the forwards end; the id itself when there is none. Throws std::logic_error when they run
/// in a circle.
std::string end_of(const std::map<std::string, std::string>& forwards, std::string id);

}  // namespace gald::simulation
