// Reverse lookup: whose number, or whose address, is this? What a telephone system asks while it
// rings.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/entry.hpp"
#include "model/phone_match.hpp"

namespace gald::index {

class Statements;

struct LookupOptions {
  /// Countries in which a number without one may have been dialled, the likeliest first: ISO 3166-1
  /// alpha-2 codes.
  std::vector<std::string> regions = {};

  /// Sources ("hybrid") and connectors ("ad"): of several contacts that match as well, those come
  /// first that are of the first of them, then those of the second, then all others.
  std::vector<std::string> prefer = {};

  bool with_deleted = false;  ///< also where there are others
  int limit = 20;             ///< of the contacts that are told
};

/// A contact with the number or address that was asked about, in short.
struct LookupHit {
  std::string id;
  model::EntryKind kind = model::EntryKind::contact;
  model::Source source = model::Source::cloud;
  model::Status status = model::Status::active;
  std::string display_name;
  std::string company_name;
  std::string department;

  /// "exact", "national", "switchboard", "tail" or "extension" (model::PhoneMatch); of an address
  /// "current" or "former".
  std::string_view match;
  std::string type;       ///< of the number ("business"), kind of the address ("smtp")
  std::string value;      ///< the number or address as its source wrote it
  std::string e164;       ///< of a number that has this form
  std::string extension;  ///< of a number
  std::string until;      ///< of a former address: when it was lost, ISO 8601
};

/// Reader::lookup() on an open connection.
std::vector<LookupHit> look_up(Statements& statements, std::string_view what,
                               const LookupOptions& options);

}  // namespace gald::index
