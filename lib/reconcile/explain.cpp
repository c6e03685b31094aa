#include "reconcile/explain.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "model/forms.hpp"
#include "reconcile/join.hpp"
#include "reconcile/merge.hpp"
#include "reconcile/reconcile.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::EntryKind;
using model::first_value;
using model::Presence;
using model::RecordKind;
using model::StagedRecord;

namespace {

using Records = std::vector<const StagedRecord*>;

bool is_ad(const StagedRecord& record) {
  return record.connector_kind == ConnectorKind::active_directory;
}

/// "entra", "entra and exchange": the connectors of one side, each once.
std::string names_of(const Records& records, bool on_premises) {
  std::vector<std::string_view> names;
  for (const StagedRecord* record : records)
    if (is_ad(*record) == on_premises &&
        std::find(names.begin(), names.end(), record->connector) == names.end())
      names.push_back(record->connector);
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text.append(i == 0 ? "" : i + 1 == names.size() ? " and " : ", ").append(names[i]);
  return text;
}

bool any(const Records& records, bool (*matches)(const StagedRecord&)) {
  return std::any_of(records.begin(), records.end(), [&](auto* r) { return matches(*r); });
}

std::string_view spoken(RecordKind kind) {
  switch (kind) {
    case RecordKind::contact:
      return "contact";
    case RecordKind::user:
      return "account";
    case RecordKind::group:
      return "group";
    case RecordKind::container:
      return "container";
  }
  return {};
}

/// What became of a record that is not live: "It ...".
std::string_view spoken_end(Presence presence) {
  switch (presence) {
    case Presence::live:
      return "is one of the directory's own objects, which are not published";
    case Presence::soft_deleted:
      return "was deleted and can still be restored";
    case Presence::deleted:
      return "was deleted";
    case Presence::absent:
      return "was not there any more when everything was read";
    case Presence::out_of_scope:
      return "is outside of what the configuration reads";
  }
  return {};
}

// --- records -------------------------------------------------------------------------------------

std::string quoted_list(const std::vector<std::string>& values) {
  std::string text;
  for (std::size_t i = 0; i < values.size(); ++i)
    text += (i == 0 ? "" : i + 1 == values.size() ? " and " : ", ") + values[i];
  return text;
}

/// What the key says now.
std::string spoken_key(const StagedRecord& record, const StagedRecord& to,
                       const std::vector<std::string>& values) {
  const std::string& key = record.joined_by;
  const std::string there = "the " + std::string(spoken(to.kind)) + " in " + to.connector;
  const std::string what = quoted_list(values);
  if (key == "external-directory-object-id")
    return "It names " + there + " as its object in Entra ID.";
  if (key == "duplicate" || key == "replacement")
    return "It and " + there + " have the same " + what +
           ", and the configuration puts such contacts together (policy.duplicates).";
  if (is_ad(record))
    return "It and " + there + " have one identity, " + what +
           ": they are one object in two forests.";
  if (key == "source-anchor")
    return "Entra Connect made it from " + there + ": its source anchor " + what + " is the " +
           (first_value(to.attributes, Attribute::consistency_guid).empty()
                ? "objectGUID"
                : "mS-DS-ConsistencyGuid") +
           " there.";
  if (key == "security-identifier")
    return "It has the security identifier of " + there + ", " + what + ".";
  const std::string synchronized = "It is synchronized from Active Directory, and ";
  if (key == "x500")
    return synchronized + "only " + there + " has the same X.500 name, " + what + ".";
  if (key == "proxy-addresses")
    return synchronized + "only " + there + " has the same address, " + what + ".";
  if (key == "external-address")
    return synchronized + "only " + there + " has the same target address, " + what + ".";
  return synchronized + "only " + there + " has the same mail address, " + what + ".";
}

/// What the key was, when it is not to be seen any more.
std::string_view spoken_earlier_key(std::string_view key) {
  if (key == "external-directory-object-id")
    return "an Entra object that it named";
  if (key == "object-guid")
    return "an AD object that was gone and came back";
  if (key == "source-anchor")
    return "a source anchor";
  if (key == "security-identifier")
    return "a security identifier";
  if (key == "x500")
    return "an X.500 name that both had";
  if (key == "duplicate" || key == "replacement")
    return "an address, or a name and phone number, that both had (policy.duplicates)";
  if (key == "external-address")
    return "a target address that both had";
  return "an address that both had";
}

ExplainedRecord explain_record(const StagedRecord& record, const Records& live,
                               const std::string& entry_id) {
  ExplainedRecord told{
      record.connector, record.connector_kind, record.kind, record.anchor, record.presence, {}, {}};
  if (!is_live(record)) {
    told.joined = {std::string(to_string(record.presence)),
                   "It " + std::string(spoken_end(record.presence)) + "."};
    return told;
  }
  for (const StagedRecord* other : live)
    if (other != &record && !record.joined_by.empty() && told.keys.empty()) {
      told.keys = shared_values(record.joined_by, record, *other);
      if (!told.keys.empty())
        told.joined = {record.joined_by, spoken_key(record, *other, told.keys)};
    }
  if (is_reference(record)) {
    told.joined.rule = record.joined_by;
    told.joined.text += (told.joined.text.empty() ? "" : " ") +
                        std::string("It only says of which groups the contact is a member.");
  } else if (record.joined_by.empty()) {
    const bool alone = live.size() == 1;
    const bool born = entry_id == entry_id_for(record.anchor);
    told.joined = {"first", alone ? "No record of another source belongs to it."
                                  : "The others were joined to this one."};
    if (born)
      told.joined.text += " The id comes from it.";
  } else if (told.keys.empty()) {
    told.joined = {record.joined_by, "It was joined earlier by " +
                                         std::string(spoken_earlier_key(record.joined_by)) +
                                         ". That has changed, but nothing contradicts the link, so "
                                         "it stays."};
  }
  return told;
}

// --- kind, source, status, visibility ------------------------------------------------------------

Reason explain_kind(const model::Entry& entry, const Records& live) {
  switch (entry.kind) {
    case EntryKind::contact:
      return {"contact", "It is a contact: nobody signs in with it."};
    case EntryKind::user:
      return {"user", "It is a user account."};
    case EntryKind::group:
      return {"group", "It is a group."};
    case EntryKind::guest:
      break;
  }
  const auto guest = std::find_if(live.begin(), live.end(), [](auto* r) {
    return !first_value(r->attributes, Attribute::user_type).empty();
  });
  return {"guest", guest == live.end() ? "It is a guest: an account of somebody from elsewhere."
                                       : (*guest)->connector +
                                             " calls it a guest: an account of somebody from "
                                             "elsewhere."};
}

bool calls_moved(const StagedRecord& record) {
  return record.connector_kind == ConnectorKind::entra &&
         model::flag(record.attributes, Attribute::sync_enabled) == false;
}

Reason explain_source(const model::Entry& entry, const Records& live, const Records& gone) {
  const std::string ad = names_of(live, true);
  const std::string cloud = names_of(live, false);
  if (live.empty())
    return {"last-known", "That is what it was when its last record went."};
  const auto went = [&](bool on_premises) {
    const std::string names = names_of(gone, on_premises);
    return names.empty() ? std::string() : " Its record in " + names + " is gone.";
  };
  if (entry.source == model::Source::on_premises)
    return {"only-on-premises",
            "It is in Active Directory (" + ad + ") and nowhere in the cloud." + went(false)};
  if (entry.source == model::Source::cloud)
    return {any(live, calls_moved) ? "was-synchronized" : "only-cloud",
            "It is in the cloud (" + cloud + ") and not synchronized from Active Directory" +
                (any(live, calls_moved) ? ", though it once was." : ".") + went(true)};
  if (ad.empty())
    return {"ad-not-seen", cloud +
                               " calls it synchronized, but no object in Active Directory that "
                               "gald reads belongs to it." +
                               went(true)};
  if (any(live, calls_moved))
    return {"moved-to-cloud", "It is in Active Directory (" + ad + ") and in the cloud (" + cloud +
                                  "). It was synchronized and is now maintained in the cloud."};
  return {"both", "It is in Active Directory (" + ad + ") and in the cloud (" + cloud + ")."};
}

Reason explain_status(const Records& all, const Policy& policy) {
  const StatusDecision decision = decide_status(all, policy);
  const std::string rule(to_string(decision.rule));
  const bool removed = decision.status == model::Status::deleted;
  const auto live = std::count_if(all.begin(), all.end(), [](auto* record) {
    return is_live(*record) && !is_reference(*record);
  });
  std::string consequence = live > 1 ? " One source that says so is enough." : "";
  consequence +=
      removed ? " The configuration removes such contacts (policy.disabled_account)." : "";
  switch (decision.rule) {
    case StatusRule::in_use:
      return {rule, "Nothing says that it is disabled or gone."};
    case StatusRule::mailbox:
      return {rule, "Its account is disabled, but " + decision.connector +
                        " says that it is a shared, room or equipment mailbox: these are used "
                        "without an account."};
    case StatusRule::account_disabled:
      return {rule, "Its account is disabled in " + decision.connector + "." + consequence};
    case StatusRule::account_ended:
      return {rule, "Its account in " + decision.connector + " has ended." + consequence};
    case StatusRule::deleted:
    case StatusRule::soft_deleted:
    case StatusRule::absent:
    case StatusRule::out_of_scope:
    case StatusRule::directory_object:
      break;
  }
  const auto last = std::find_if(all.begin(), all.end(), [&](auto* record) {
    return record->connector == decision.connector && !is_live(*record);
  });
  return {rule,
          "No source has it any more; in " + decision.connector + " it " +
              std::string(spoken_end(last == all.end() ? Presence::deleted : (*last)->presence)) +
              "."};
}

Reason explain_visibility(const model::Entry& entry, const Records& live, const Policy& policy) {
  if (live.empty())
    return {"last-known", entry.values.contains(Attribute::hidden)
                              ? entry.values.at(Attribute::hidden) == "true"
                                    ? "It was hidden from address lists."
                                    : "It was not hidden from address lists."
                              : "No source said whether it was hidden from address lists."};
  const Candidates said = candidates(Attribute::hidden, live, policy);
  if (said.list.empty()) {
    std::string text = "No source says whether it is hidden from address lists";
    if (policy.hidden_if_unknown)
      return {"if-unknown", text + "; the configuration takes it for " +
                                (*policy.hidden_if_unknown ? "hidden" : "visible") +
                                " then (policy.hidden_if_unknown)."};
    return {"unknown", text + "."};
  }
  const Candidate& first = said.list.front();
  std::string text = first.record->connector + " says that it is " +
                     (first.value == "true" ? "hidden" : "not hidden") + " from address lists.";
  for (const Candidate& other : said.list)
    if (other.value != first.value) {
      text += " " + other.record->connector + " says the opposite, and counts less.";
      break;
    }
  return {first.value == "true" ? "hidden" : "shown", std::move(text)};
}

// --- values --------------------------------------------------------------------------------------

std::string_view name_of(Precedence by) {
  switch (by) {
    case Precedence::on_premises:
      return "on-premises";
    case Precedence::cloud:
      return "cloud";
    case Precedence::directory:
      return "directory";
    case Precedence::visibility:
      return "visibility";
    case Precedence::connectors:
      return "connectors";
    case Precedence::of_attribute:
      return "of-attribute";
  }
  return {};
}

/// Behind "from ad, ".
std::string spoken_precedence(Precedence by, const StagedRecord& winner) {
  switch (by) {
    case Precedence::on_premises:
      return is_ad(winner) ? "as Active Directory comes first for what is synchronized"
                           : "which comes first of those that have one";
    case Precedence::cloud:
      return is_ad(winner) ? "which comes first of those that have one"
                           : "as the cloud comes first for what is maintained there";
    case Precedence::directory:
      return "as only Active Directory knows the place of an object";
    case Precedence::visibility:
      return "which knows best";
    case Precedence::connectors:
      return "which comes first in the configuration (precedence)";
    case Precedence::of_attribute:
      return "which comes first in the configuration for this attribute (precedence)";
  }
  return {};
}

std::string spoken_mapping(const Candidate& chosen, Attribute attribute) {
  if (chosen.mapped != nullptr)
    return chosen.mapped->constant    ? "; the configuration sets it (mapping)"
           : chosen.from != attribute ? "; the configuration takes it from " +
                                            std::string(model::name(chosen.from)) + " (mapping)"
                                      : std::string("; the configuration transforms it (mapping)");
  return chosen.from == Attribute::rdn ? "; it is the name of the object, which has no display name"
                                       : std::string();
}

std::optional<ExplainedValue> explain_value(Attribute attribute, const Records& live,
                                            const Policy& policy) {
  Candidates found = candidates(attribute, live, policy);
  if (found.list.empty())
    return std::nullopt;
  // the name of an object stands in for one that is missing, and is no candidate beside it
  for (std::size_t i = found.list.size(); i-- > 1;)
    if (found.list[i].from == Attribute::rdn)
      found.list.erase(found.list.begin() + static_cast<std::ptrdiff_t>(i));
  const Candidate& chosen = found.list.front();
  ExplainedValue told{
      std::string(model::name(attribute)), chosen.value, chosen.record->connector, {}, {}};
  const bool only = found.list.size() == 1;
  told.reason = {only ? "only" : std::string(name_of(found.by)),
                 (only ? "which alone has it" : spoken_precedence(found.by, *chosen.record)) +
                     spoken_mapping(chosen, attribute)};
  for (const Candidate& other : found.list)
    if (&other != &chosen)
      told.others.push_back({other.record->connector, other.value});
  return told;
}

void explain_lists(const model::Entry& entry, std::vector<ExplainedValue>& values) {
  for (const model::Address& address : entry.addresses)
    values.push_back({"addresses/" + address.kind,
                      address.value,
                      address.connector,
                      {address.primary ? "primary" : "address",
                       address.primary ? "as the primary one" : "as one of its addresses"},
                      {}});
  for (const model::Phone& phone : entry.phones)
    values.push_back({"phones/" + phone.type,
                      phone.raw,
                      phone.connector,
                      {"phone", "the first one that has such numbers"},
                      {}});
}

}  // namespace

Explanation explain(const model::Entry& published, std::span<const StagedRecord> records,
                    const Policy& policy) {
  Records all;
  for (const StagedRecord& record : records)
    all.push_back(&record);
  const auto behind = [&](const StagedRecord& record) {
    // as settle_duplicates() puts them: what replaces others before them, duplicates behind them
    const StagedRecord* leading = &record;
    for (const StagedRecord* entra : all)
      if (record.connector_kind == ConnectorKind::exchange_online &&
          !shared_values("external-directory-object-id", record, *entra).empty())
        leading = entra;
    return leading->joined_by == "replacement" ? 0 : leading->joined_by == "duplicate" ? 2 : 1;
  };
  std::map<const StagedRecord*, int> rank;
  for (const StagedRecord* record : all)
    rank[record] = behind(*record);
  std::sort(all.begin(), all.end(), [&](auto* a, auto* b) {
    return rank[a] != rank[b] ? rank[a] < rank[b] : comes_before(*a, *b);
  });
  std::stable_partition(all.begin(), all.end(), [](auto* r) { return is_live(*r); });
  Records live;
  Records gone;
  for (const StagedRecord* record : all)
    if (!is_live(*record))
      gone.push_back(record);
    else if (!is_reference(*record))
      live.push_back(record);

  Explanation told;
  told.entry = published;
  told.kind = explain_kind(published, live);
  told.source = explain_source(published, live, gone);
  if (!all.empty())
    told.status = explain_status(all, policy);
  told.visibility = explain_visibility(published, live, policy);
  for (const StagedRecord* record : all)
    told.records.push_back(explain_record(*record, live, published.id));
  told.pending = any(all, [](const StagedRecord& record) { return record.touched; });
  if (live.empty())
    return told;
  for (const Attribute attribute : model::published_attributes())
    if (attribute != Attribute::hidden)
      if (auto value = explain_value(attribute, live, policy))
        told.values.push_back(std::move(*value));
  explain_lists(published, told.values);
  return told;
}

}  // namespace gald::reconcile
