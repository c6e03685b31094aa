#include "reconcile/merge.hpp"

#include <algorithm>
#include <array>
#include <forward_list>
#include <set>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "model/forms.hpp"
#include "model/name_form.hpp"
#include "model/phone_number.hpp"
#include "model/region.hpp"
#include "reconcile/field_mapping.hpp"
#include "reconcile/join.hpp"

namespace gald::reconcile {

using model::Attribute;
using model::ConnectorKind;
using model::Entry;
using model::EntryKind;
using model::first_value;
using model::Presence;
using model::RecordKind;
using model::StagedRecord;

namespace {

using Records = std::span<const StagedRecord* const>;

bool is_ad(const StagedRecord& record) {
  return record.connector_kind == ConnectorKind::active_directory;
}

/// A record, and its attributes as the mapping shows them.
struct Source {
  const StagedRecord* record;
  const model::Attributes* attributes;
};

using Sources = std::vector<Source>;

/// In which order the records of a contact are asked.
class Order {
 public:
  Order(Records live, const Policy& policy) : policy_(policy) {
    by_strength_.reserve(live.size());
    for (const StagedRecord* record : live)
      if (!is_reference(*record))
        by_strength_.push_back({record, mapped(*record)});
    mastered_in_cloud_ =
        std::any_of(by_strength_.begin(), by_strength_.end(), [](const Source& source) {
          return source.record->connector_kind == ConnectorKind::entra &&
                 !model::flag(source.record->attributes, Attribute::sync_enabled).value_or(true);
        });
    if (mastered_in_cloud_) {
      cloud_first_ = by_strength_;
      std::stable_partition(cloud_first_.begin(), cloud_first_.end(),
                            [](const Source& source) { return !is_ad(*source.record); });
      usual_ = &cloud_first_;
    }
    chosen_ = usual_;
    if (!policy.precedence.empty()) {
      configured_ = preferring(policy.precedence, *usual_);
      chosen_ = &configured_;
    }
  }

  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

  struct Asked {
    Precedence by;
    const Sources& sources;
  };

  /// `room` holds the order, where it is the attribute's alone.
  Asked of(Attribute attribute, Sources& room) const {
    if (!policy_.precedence_of.empty())
      if (const auto own = policy_.precedence_of.find(attribute);
          own != policy_.precedence_of.end()) {
        room = preferring(own->second, *chosen_);
        return {Precedence::of_attribute, room};
      }
    if (attribute == Attribute::distinguished_name)
      return {Precedence::directory, by_strength_};
    if (attribute == Attribute::hidden) {
      room = knowing_visibility();
      return {Precedence::visibility, room};
    }
    return {usual_rule(), *chosen_};
  }

  /// Whatever is configured: signals are not values.
  const Sources& usual() const { return *usual_; }

 private:
  Precedence usual_rule() const {
    if (!policy_.precedence.empty())
      return Precedence::connectors;
    return mastered_in_cloud_ ? Precedence::cloud : Precedence::on_premises;
  }

  const model::Attributes* mapped(const StagedRecord& record) {
    if (policy_.connectors.empty())
      return &record.attributes;
    const auto connector = policy_.connectors.find(record.connector);
    if (connector == policy_.connectors.end() || connector->second.mapping.empty())
      return &record.attributes;
    return &mapped_.emplace_front(map_fields(record.attributes, connector->second.mapping));
  }

  static Sources preferring(const std::vector<std::string>& connectors, const Sources& others) {
    Sources order = others;
    const auto rank = [&](const Source& source) {
      return std::find(connectors.begin(), connectors.end(), source.record->connector);
    };
    std::stable_sort(order.begin(), order.end(),
                     [&](const Source& a, const Source& b) { return rank(a) < rank(b); });
    return order;
  }

  /// Graph's showInAddressList is a copy that lags behind, or was never filled in.
  Sources knowing_visibility() const {
    std::vector<std::pair<int, Source>> ranked;
    for (const Source& source : *usual_)
      if (const auto hidden = model::flag(*source.attributes, Attribute::hidden)) {
        const bool copy = is_ad(*source.record)
                              ? mastered_in_cloud_
                              : source.record->connector_kind == ConnectorKind::entra;
        ranked.emplace_back((copy ? 2 : 0) + (*hidden ? 0 : 1), source);
      }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    Sources order;
    for (const auto& [unused, source] : ranked)
      order.push_back(source);
    return order;
  }

  const Policy& policy_;
  std::forward_list<model::Attributes> mapped_;
  Sources by_strength_;
  Sources cloud_first_;
  Sources configured_;
  const Sources* usual_ = &by_strength_;   // before the configuration has its say
  const Sources* chosen_ = &by_strength_;  // after
  bool mastered_in_cloud_ = false;
};

/// The rule of the mapping that made the attribute's value.
const FieldRule* rule_for(Attribute attribute, const StagedRecord& record, const Policy& policy) {
  const auto connector = policy.connectors.find(record.connector);
  if (connector != policy.connectors.end())
    for (const FieldRule& rule : connector->second.mapping)
      if (rule.target == attribute)
        return &rule;
  return nullptr;
}

/// Visits the values of an attribute, best first, until a visit says that it is enough. A value
/// with nothing to tell is none.
template <typename Visit>
void visit_values(Attribute attribute, const Sources& sources, const Visit& visit) {
  for (const Source& source : sources) {
    const std::string& value = first_value(*source.attributes, attribute);
    if (value.empty() || model::is_guest_principal(value))
      continue;
    if (attribute == Attribute::hidden && !model::flag(*source.attributes, attribute))
      continue;
    if (!visit(source, value, attribute))
      return;
  }
  // Groups and contacts in AD often have no display name: there the RDN is what people see.
  if (attribute == Attribute::display_name)
    for (const Source& source : sources)
      if (const std::string& rdn = first_value(source.record->attributes, Attribute::rdn);
          !rdn.empty() && !visit(source, rdn, Attribute::rdn))
        return;
}

/// A manager is a record here, and not yet an entry.
std::string published_form(Attribute attribute, const Source& source, const std::string& value,
                           Attribute from) {
  if (attribute == Attribute::manager)
    return source.record->connector + "/" + value;
  return from == Attribute::rdn ? model::rdn_value(value) : value;
}

model::Source source_of(const Sources& live) {
  const bool on_premises =
      std::any_of(live.begin(), live.end(), [](const Source& s) { return is_ad(*s.record); });
  const bool cloud =
      std::any_of(live.begin(), live.end(), [](const Source& s) { return !is_ad(*s.record); });
  if (on_premises)
    return cloud ? model::Source::hybrid : model::Source::on_premises;
  // Synchronized, says the cloud, though no connector sees the object in AD: out of our scope, in
  // another forest, or just deleted there and not yet here.
  const bool synchronized = std::any_of(live.begin(), live.end(), [](const Source& s) {
    return model::flag(s.record->attributes, Attribute::sync_enabled).value_or(false);
  });
  return synchronized ? model::Source::hybrid : model::Source::cloud;
}

EntryKind kind_of(const Sources& live) {
  switch (live.front().record->kind) {
    case RecordKind::group:
      return EntryKind::group;
    case RecordKind::user:
      break;
    case RecordKind::contact:
    case RecordKind::container:
      return EntryKind::contact;
  }
  const bool guest = std::any_of(live.begin(), live.end(), [](const Source& s) {
    return base::ascii_iequals(first_value(s.record->attributes, Attribute::user_type), "guest");
  });
  return guest ? EntryKind::guest : EntryKind::user;
}

void merge_values(const Order& order, const Policy& policy, Entry& entry) {
  Sources room;
  for (const Attribute attribute : model::published_attributes())
    visit_values(attribute, order.of(attribute, room).sources,
                 [&](const Source& source, const std::string& value, Attribute from) {
                   // mostly in the order of the enumeration
                   entry.values.emplace_hint(entry.values.end(), attribute,
                                             published_form(attribute, source, value, from));
                   entry.origins.emplace(model::name(attribute), source.record->connector);
                   return false;
                 });
  if (policy.hidden_if_unknown && !entry.values.contains(Attribute::hidden))
    entry.values[Attribute::hidden] = *policy.hidden_if_unknown ? "true" : "false";
}

// --- status --------------------------------------------------------------------------------------

/// One of the signals that make a status, and whose record gives it.
struct StatusSignal {
  StatusRule rule;
  bool (*given)(const StagedRecord&);
};

/// What may be said of a record that is live.
constexpr std::array<StatusSignal, 2> kAgainst = {{
    {StatusRule::account_disabled,
     [](const StagedRecord& record) {
       // absent is not false: contacts have no accounts, and partial answers leave it out
       return model::flag(record.attributes, Attribute::account_enabled) == false;
     }},
    {StatusRule::account_ended, [](const StagedRecord& record) { return record.expired; }},
}};

/// Of one that is not.
constexpr std::array<StatusSignal, 5> kGone = {{
    {StatusRule::deleted,
     [](const StagedRecord& record) { return record.presence == Presence::deleted; }},
    {StatusRule::soft_deleted,
     [](const StagedRecord& record) { return record.presence == Presence::soft_deleted; }},
    {StatusRule::absent,
     [](const StagedRecord& record) { return record.presence == Presence::absent; }},
    {StatusRule::out_of_scope,
     [](const StagedRecord& record) { return record.presence == Presence::out_of_scope; }},
    {StatusRule::directory_object,
     [](const StagedRecord& record) { return record.presence == Presence::live; }},
}};

template <std::size_t count>
const StatusSignal* first_given(const std::array<StatusSignal, count>& signals,
                                const StagedRecord& record) {
  for (const StatusSignal& signal : signals)
    if (signal.given(record))
      return &signal;
  return nullptr;
}

/// The accounts behind these are disabled on purpose: nobody signs in as a meeting room.
bool is_nobodys_mailbox(const StagedRecord& record) {
  static constexpr auto kTypes = std::to_array<std::string_view>(
      {"SharedMailbox", "RoomMailbox", "EquipmentMailbox", "LinkedMailbox", "RemoteSharedMailbox",
       "RemoteRoomMailbox", "RemoteEquipmentMailbox"});
  const std::string& type = first_value(record.attributes, Attribute::recipient_type);
  return !type.empty() && std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

/// A person with an account in two forests signs in with one of them; the other one is disabled on
/// purpose (a linked mailbox, a move between forests).
bool has_account_in_use(const Sources& live) {
  return std::any_of(live.begin(), live.end(), [](const Source& source) {
    return is_ad(*source.record) && first_given(kAgainst, *source.record) == nullptr &&
           model::flag(source.record->attributes, Attribute::account_enabled) == true;
  });
}

StatusDecision status_of_live(const Sources& live, const Policy& policy) {
  for (const Source& source : live) {
    const StatusSignal* against = first_given(kAgainst, *source.record);
    if (against == nullptr || (is_ad(*source.record) && has_account_in_use(live)))
      continue;
    for (const Source& other : live)
      if (is_nobodys_mailbox(*other.record))
        return {model::Status::active, StatusRule::mailbox, other.record->connector};
    return {policy.disabled_account == DisabledAccount::remove ? model::Status::deleted
                                                               : model::Status::disabled,
            against->rule, source.record->connector};
  }
  return {model::Status::active, StatusRule::in_use, live.front().record->connector};
}

// --- lists ---------------------------------------------------------------------------------------

class AddressBook {
 public:
  explicit AddressBook(Entry& entry) : entry_(entry) {}

  /// The first primary of a kind stays the only one.
  void add(model::Address address, const std::string& connector) {
    if (address.value.empty() || model::is_guest_principal(address.value))
      return;
    const auto key = std::pair(address.kind, model::fold_address(address.value));
    const bool primary = address.primary && primaries_.insert(address.kind).second;
    if (const auto known = positions_.find(key); known != positions_.end()) {
      entry_.addresses[known->second].primary |= primary;
      return;
    }
    address.primary = primary;
    address.connector = connector;
    positions_[key] = entry_.addresses.size();
    entry_.addresses.push_back(std::move(address));
  }

  void finish() {
    // An object with addresses of which none is marked is reached under its mail address.
    if (!primaries_.contains("smtp")) {
      const auto mail = entry_.values.find(Attribute::mail);
      auto chosen = entry_.addresses.end();
      for (auto it = entry_.addresses.begin(); it != entry_.addresses.end(); ++it)
        if (it->kind == "smtp" &&
            (chosen == entry_.addresses.end() ||
             (mail != entry_.values.end() &&
              model::fold_address(it->value) == model::fold_address(mail->second))))
          chosen = it;
      if (chosen != entry_.addresses.end())
        chosen->primary = true;
    }
    model::sort_addresses(entry_.addresses);
  }

 private:
  Entry& entry_;
  std::set<std::string> primaries_;
  std::map<std::pair<std::string, std::string>, std::size_t> positions_;
};

void merge_addresses(const Order& order, Entry& entry) {
  AddressBook book(entry);
  Sources room;
  for (const auto& [record, attributes] : order.of(Attribute::proxy_addresses, room).sources) {
    const auto proxies = attributes->find(Attribute::proxy_addresses);
    if (proxies != attributes->end())
      for (const std::string& value : proxies->second)
        book.add(model::parse_address(value), record->connector);
    if (const std::string& mail = first_value(*attributes, Attribute::mail); !mail.empty())
      book.add({"smtp", mail, false, {}}, record->connector);
    if (const std::string& target = first_value(*attributes, Attribute::external_address);
        !target.empty() && record->kind == RecordKind::contact) {
      model::Address address = model::parse_address(target);
      address.primary = false;  // it says where mail goes, not what the contact is called
      book.add(std::move(address), record->connector);
    }
    // A guest whose address was taken by a contact has it nowhere else; a member's other mails are
    // private.
    if (entry.kind == EntryKind::guest)
      if (const auto others = attributes->find(Attribute::other_mails); others != attributes->end())
        for (const std::string& mail : others->second)
          book.add({"smtp", mail, false, {}}, record->connector);
  }
  book.finish();
}

/// The country in which the numbers of a record would be dialled: the contact's own, else that of
/// the connector.
class Regions {
 public:
  Regions(const Entry& entry, const Policy& policy) : policy_(policy) {
    if (const auto country = entry.values.find(Attribute::country); country != entry.values.end())
      country_ = country->second;
  }

  const std::string& of(const StagedRecord& record) {
    if (!country_.empty()) {
      own_ = model::region_of_country(country_);
      country_.clear();
    }
    if (!own_.empty())
      return own_;
    static const std::string kUnknown;
    const auto connector = policy_.connectors.find(record.connector);
    return connector == policy_.connectors.end() ? kUnknown : connector->second.region;
  }

 private:
  const Policy& policy_;
  std::string country_;
  std::string own_;
};

using A = Attribute;

struct PhoneType {
  std::string_view name;
  std::vector<Attribute> attributes;  ///< the first one stands for the type in the precedence
};

const std::array<PhoneType, 6>& phone_types() {
  static const std::array<PhoneType, 6> kTypes = {{
      {"business", {A::business_phones, A::other_business_phones}},
      {"mobile", {A::mobile_phone, A::other_mobile_phones}},
      {"home", {A::home_phone, A::other_home_phones}},
      {"businessFax", {A::business_fax, A::other_business_faxes}},
      {"pager", {A::pager}},
      {"ip", {A::ip_phone}},
  }};
  return kTypes;
}

void merge_phones(const Order& order, const Policy& policy, Entry& entry) {
  Regions regions(entry, policy);
  Sources room;
  for (const PhoneType& type : phone_types()) {
    const Sources& sources = order.of(type.attributes.front(), room).sources;
    std::set<std::string_view> seen;
    const auto take = [&](const Source& source, Attribute attribute) {
      const auto it = source.attributes->find(attribute);
      if (it == source.attributes->end())
        return;
      for (const std::string& raw : it->second)
        if (!base::trim(raw).empty() && seen.insert(raw).second) {
          entry.phones.push_back(model::parse_phone(type.name, raw, regions.of(*source.record)));
          entry.phones.back().connector = source.record->connector;
        }
    };
    for (auto it = sources.begin(); it != sources.end() && seen.empty(); ++it) {
      for (const Attribute attribute : type.attributes)
        take(*it, attribute);
      // Numbers of one type come from one source. Entra and Exchange are one: of a mail contact's
      // other numbers Graph shows none.
      if (!seen.empty() && it->record->connector_kind == ConnectorKind::entra)
        for (const Source& source : sources)
          if (source.record->connector_kind == ConnectorKind::exchange_online)
            for (const Attribute attribute : type.attributes)
              if (!it->attributes->contains(attribute))
                take(source, attribute);
    }
  }
}

}  // namespace

std::string_view to_string(StatusRule rule) {
  switch (rule) {
    case StatusRule::deleted:
      return "deleted";
    case StatusRule::soft_deleted:
      return "soft-deleted";
    case StatusRule::absent:
      return "absent";
    case StatusRule::out_of_scope:
      return "out-of-scope";
    case StatusRule::directory_object:
      return "directory-object";
    case StatusRule::mailbox:
      return "mailbox";
    case StatusRule::account_disabled:
      return "account-disabled";
    case StatusRule::account_ended:
      return "account-ended";
    case StatusRule::in_use:
      return "in-use";
  }
  return {};
}

Candidates candidates(Attribute attribute, Records live, const Policy& policy) {
  const Order order(live, policy);
  Sources room;
  const Order::Asked asked = order.of(attribute, room);
  Candidates found{asked.by, {}};
  visit_values(
      attribute, asked.sources,
      [&](const Source& source, const std::string& value, Attribute from) {
        Candidate candidate{source.record, published_form(attribute, source, value, from), from};
        if (from == attribute)
          candidate.mapped = rule_for(attribute, *source.record, policy);
        if (candidate.mapped != nullptr && candidate.mapped->from)
          candidate.from = *candidate.mapped->from;
        found.list.push_back(std::move(candidate));
        return true;
      });
  return found;
}

bool has_precedence(Attribute attribute) {
  const std::vector<Attribute>& published = model::published_attributes();
  return attribute == Attribute::proxy_addresses ||
         std::find(published.begin(), published.end(), attribute) != published.end() ||
         std::any_of(phone_types().begin(), phone_types().end(),
                     [&](const PhoneType& type) { return type.attributes.front() == attribute; });
}

StatusDecision decide_status(Records records, const Policy& policy) {
  Sources live;
  for (const StagedRecord* record : records)
    if (is_live(*record) && !is_reference(*record))
      live.push_back({record, &record->attributes});
  if (std::any_of(live.begin(), live.end(),
                  [](const Source& source) { return !only_adds(*source.record); }))
    return status_of_live(live, policy);
  const auto gone = std::find_if(records.begin(), records.end(),
                                 [](const StagedRecord* record) { return !is_live(*record); });
  const StagedRecord& first = gone == records.end() ? *records.front() : **gone;
  return {model::Status::deleted, first_given(kGone, first)->rule, first.connector};
}

Entry merge(Records live, const Policy& policy) {
  const Order order(live, policy);
  const Sources& records = order.usual();
  Entry entry;
  entry.kind = kind_of(records);
  entry.source = source_of(records);
  merge_values(order, policy, entry);
  StatusDecision status = status_of_live(records, policy);
  entry.status = status.status;
  if (status.status != model::Status::active)
    entry.origins["status"] = std::move(status.connector);
  merge_addresses(order, entry);
  merge_phones(order, policy, entry);
  const auto name = [&](Attribute attribute) -> std::string_view {
    const auto it = entry.values.find(attribute);
    return it == entry.values.end() ? std::string_view() : it->second;
  };
  entry.search_name = model::search_name(name(Attribute::display_name), name(Attribute::given_name),
                                         name(Attribute::surname));
  return entry;
}

}  // namespace gald::reconcile
