#include "index/lookup.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <tuple>
#include <utility>

#include "base/text.hpp"
#include "index/query.hpp"
#include "model/forms.hpp"

namespace gald::index {

namespace {

/// Of those that share a number or address, no more are ranked: some numbers are everybody's.
constexpr std::size_t kMostCandidates = 200;

/// Nor are more looked at: numbers that end in the same way may be many, and others.
constexpr int kMostRows = 5000;

constexpr std::string_view kCurrent = "current";
constexpr std::string_view kFormer = "former";

/// A hit, and what its place among the others follows from.
struct Candidate {
  LookupHit hit;
  int quality = 0;         ///< the best is 0
  std::size_t digits = 0;  ///< that are the same
  std::size_t preference = 0;
};

const std::string kEntry =
    "SELECT e.uuid, e.kind, e.source, e.status, coalesce(e.display_name, ''),"
    " coalesce(e.company_name, ''), coalesce(e.department, '')";
constexpr int kEntryColumns = 7;

/// Those with a published number; ?2 says whether the deleted ones are meant.
const std::string kPhones = kEntry +
                            ", p.type, p.raw, p.e164, p.extension, p.kind"
                            " FROM phone p CROSS JOIN entry e ON e.id = p.entry_id"
                            " WHERE e.forward_to IS NULL AND (e.status = 'deleted') = ?2 AND ";
const std::string kByNumber = kPhones + "p.e164 = ?1 LIMIT ?3";
const std::string kByExtension = kPhones + "p.extension = ?1 LIMIT ?3";

/// The expression is that of the index phone_by_tail.
const std::string kByTail =
    kPhones + "coalesce(CAST(substr(p.e164, 2) AS INTEGER), p.national) % 10000000 = ?1 LIMIT ?3";

const std::string kByAddress =
    kEntry +
    ", a.kind, a.value, '' FROM address a CROSS JOIN entry e ON e.id = a.entry_id"
    " WHERE a.folded = ?1 AND e.forward_to IS NULL AND (e.status = 'deleted') = ?2 LIMIT ?3";
const std::string kByFormerAddress =
    kEntry +
    ", a.kind, a.value, a.until FROM former_address a CROSS JOIN entry e ON e.id = a.entry_id"
    " WHERE a.folded = ?1 AND e.forward_to IS NULL AND (e.status = 'deleted') = ?2 LIMIT ?3";

/// Of entries that turned out to be another one, which may have been merged in turn.
const std::string kByMergedAddress =
    "WITH RECURSIVE owner(id) AS ("
    "  SELECT entry_id FROM address WHERE folded = ?1"
    "  UNION SELECT entry_id FROM former_address WHERE folded = ?1 LIMIT ?3),"
    " step(id, forward_to) AS ("
    "  SELECT e.id, e.forward_to FROM owner JOIN entry e USING (id) WHERE e.forward_to IS NOT NULL"
    "  UNION SELECT e.id, e.forward_to FROM step s JOIN entry e ON e.uuid = s.forward_to) " +
    kEntry +
    ", '', ?1, '' FROM step s JOIN entry e USING (id)"
    " WHERE s.forward_to IS NULL AND (e.status = 'deleted') = ?2 LIMIT ?3";

LookupHit read_hit(Query& row) {
  LookupHit hit;
  hit.id = row.text(0);
  hit.kind = model::entry_kind_named(row.text(1)).value();
  hit.source = model::source_named(row.text(2)).value();
  hit.status = model::status_named(row.text(3)).value();
  hit.display_name = row.text(4);
  hit.company_name = row.text(5);
  hit.department = row.text(6);
  return hit;
}

class Lookup {
 public:
  Lookup(Statements& statements, const LookupOptions& options)
      : statements_(statements), options_(options) {}

  std::vector<LookupHit> number(std::string_view text) {
    const model::PhoneQuery query = model::read_phone_query(text, options_.regions);
    // what is found in one way is not looked for in the next
    return first_of({[&](bool deleted) { same_number(query, deleted); },
                     [&](bool deleted) { part_of_number(query, deleted); },
                     [&](bool deleted) { internal_number(query, deleted); }});
  }

  std::vector<LookupHit> address(std::string_view text) {
    const model::Address asked = model::parse_address(text);
    const std::string folded = model::fold_address(asked.value);
    return first_of({[&](bool deleted) { addresses(kByAddress, folded, kCurrent, deleted); },
                     [&](bool deleted) { addresses(kByFormerAddress, folded, kFormer, deleted); },
                     [&](bool deleted) { addresses(kByMergedAddress, folded, kFormer, deleted); }});
  }

 private:
  using Step = std::function<void(bool deleted)>;

  /// The steps are taken until one has found somebody; if all that was found is deleted, that.
  std::vector<LookupHit> first_of(const std::vector<Step>& steps) {
    for (const Step& step : steps) {
      step(false);
      if (found_.empty())
        continue;
      if (options_.with_deleted)
        step(true);
      return ranked();
    }
    for (const Step& step : steps) {
      step(true);
      if (!found_.empty())
        break;
    }
    return ranked();
  }

  // --- numbers -----------------------------------------------------------------------------------

  void same_number(const model::PhoneQuery& query, bool deleted) {
    for (const std::string& form : query.same())
      phones(kByNumber, form, query, deleted);
  }

  void part_of_number(const model::PhoneQuery& query, bool deleted) {
    for (const std::string& form : query.switchboards())
      phones(kByNumber, form, query, deleted);
    for (const std::string& dialled : query.dialled)
      phones(kByTail, model::tail_of(dialled), query, deleted);
  }

  void internal_number(const model::PhoneQuery& query, bool deleted) {
    if (!query.internal.empty())
      phones(kByExtension, query.internal, query, deleted);
  }

  template <typename Value>
  void phones(std::string_view sql, const Value& value, const model::PhoneQuery& asked,
              bool deleted) {
    Query query(statements_, sql);
    query.bind(value, deleted, kMostRows);
    while (found_.size() < kMostCandidates && query.next()) {
      model::Phone phone;
      phone.type = query.text(kEntryColumns);
      phone.raw = query.text(kEntryColumns + 1);
      phone.e164 = query.text(kEntryColumns + 2);
      phone.extension = query.text(kEntryColumns + 3);
      phone.kind = model::phone_kind_named(query.text(kEntryColumns + 4))
                       .value_or(model::PhoneKind::unparsable);
      const std::optional<model::MatchedPhone> matched = model::match_phone(asked, phone);
      if (!matched)
        continue;
      Candidate candidate{read_hit(query), static_cast<int>(matched->match), matched->digits, 0};
      candidate.hit.match = to_string(matched->match);
      candidate.hit.type = std::move(phone.type);
      candidate.hit.value = std::move(phone.raw);
      candidate.hit.e164 = std::move(phone.e164);
      candidate.hit.extension = std::move(phone.extension);
      add(std::move(candidate));
    }
  }

  // --- addresses ---------------------------------------------------------------------------------

  void addresses(std::string_view sql, const std::string& folded, std::string_view match,
                 bool deleted) {
    Query query(statements_, sql);
    query.bind(folded, deleted, kMostCandidates);
    while (query.next()) {
      Candidate candidate{read_hit(query), 0, 0, 0};
      candidate.hit.match = match;
      candidate.hit.type = query.text(kEntryColumns);
      candidate.hit.value = query.text(kEntryColumns + 1);
      candidate.hit.until = query.text(kEntryColumns + 2);
      add(std::move(candidate));
    }
  }

  // --- order -------------------------------------------------------------------------------------

  /// A contact that has the number twice is told once, by the better match.
  void add(Candidate candidate) {
    const auto known = std::find_if(found_.begin(), found_.end(), [&](const Candidate& other) {
      return other.hit.id == candidate.hit.id;
    });
    const auto better = [](const Candidate& a, const Candidate& b) {
      return std::tuple(a.quality, b.digits) < std::tuple(b.quality, a.digits);
    };
    if (known == found_.end())
      found_.push_back(std::move(candidate));
    else if (better(candidate, *known))
      *known = std::move(candidate);
  }

  std::size_t preference_of(const LookupHit& hit) {
    std::vector<std::string> names = {std::string(to_string(hit.source))};
    Query query(statements_,
                "SELECT connector FROM contact_records WHERE contact_id = ?1"
                " AND presence = 'live'");
    query.bind(hit.id);
    while (query.next())
      names.push_back(query.text(0));
    const auto first = std::find_first_of(options_.prefer.begin(), options_.prefer.end(),
                                          names.begin(), names.end());
    return static_cast<std::size_t>(first - options_.prefer.begin());
  }

  std::vector<LookupHit> ranked() {
    if (found_.size() > 1 && !options_.prefer.empty())
      for (Candidate& candidate : found_)
        candidate.preference = preference_of(candidate.hit);
    const auto kind_rank = [](const LookupHit& hit) {
      switch (hit.kind) {  // somebody of the house is known best
        case model::EntryKind::user:
          return 0;
        case model::EntryKind::contact:
          return 1;
        case model::EntryKind::guest:
          return 2;
        case model::EntryKind::group:
          break;
      }
      return 3;
    };
    std::sort(found_.begin(), found_.end(), [&](const Candidate& a, const Candidate& b) {
      return std::tuple(a.quality, b.digits, a.hit.status, a.preference, kind_rank(a.hit),
                        a.hit.display_name,
                        a.hit.id) < std::tuple(b.quality, a.digits, b.hit.status, b.preference,
                                               kind_rank(b.hit), b.hit.display_name, b.hit.id);
    });
    std::vector<LookupHit> hits;
    for (Candidate& candidate : found_)
      if (hits.size() < static_cast<std::size_t>(options_.limit))
        hits.push_back(std::move(candidate.hit));
    return hits;
  }

  Statements& statements_;
  const LookupOptions& options_;
  std::vector<Candidate> found_;
};

/// "tel:+49...", "sip:+49...@pbx.contoso.test;user=phone": what a telephone system knows of a
/// caller is a number, also where it looks like an address.
std::string_view number_in(std::string_view text) {
  for (const std::string_view scheme : {"tel:", "sip:", "sips:"})
    if (base::ascii_iequals(text.substr(0, scheme.size()), scheme))
      return text.substr(scheme.size(), text.find('@') - scheme.size());
  return text.substr(0, text.find('@'));
}

/// Whether it cannot be a number: "jane@contoso.test", "x500:/o=...", "/o=...".
bool is_address(std::string_view text) {
  const std::string kind = model::parse_address(text).kind;
  return text.find('@') != std::string_view::npos || text.starts_with('/') ||
         (kind != "smtp" && kind != "tel");
}

bool may_be_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') ||
           std::string_view(" +-./()*#").find(c) != std::string_view::npos;
  });
}

}  // namespace

std::vector<LookupHit> look_up(Statements& statements, std::string_view what,
                               const LookupOptions& options) {
  what = base::trim(what);
  const bool address = is_address(what);
  std::vector<LookupHit> hits;
  if (address)
    hits = Lookup(statements, options).address(what);
  if (const std::string_view number = number_in(what);
      hits.empty() && (!address || may_be_number(number)))
    hits = Lookup(statements, options).number(number);
  if (hits.empty() && !address)
    hits = Lookup(statements, options).address(what);
  return hits;
}

}  // namespace gald::index
