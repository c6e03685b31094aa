// What sources say, in short: an AD contact is ad(1).contact().mail("jane@fabrikam.example").
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "model/record.hpp"
#include "support.hpp"

namespace gald::simulation {

using model::Attribute;
using model::ConnectorKind;
using model::Presence;
using model::RecordKind;

/// An object, whole, as its source shows it from now on.
struct Said {
  std::string connector;
  ConnectorKind connector_kind = ConnectorKind::entra;
  std::string anchor;
  RecordKind kind = RecordKind::contact;
  Presence presence = Presence::live;
  model::Attributes attributes;

  Said contact() const { return of_kind(RecordKind::contact); }

  Said user() const { return of_kind(RecordKind::user); }

  Said group() const { return of_kind(RecordKind::group); }

  Said guest() const { return user().with(Attribute::user_type, "Guest"); }

  Said with(Attribute attribute, std::string value) const {
    Said said = *this;
    said.attributes[attribute] = {std::move(value)};
    return said;
  }

  Said without(Attribute attribute) const {
    Said said = *this;
    said.attributes.erase(attribute);
    return said;
  }

  Said proxies(std::vector<std::string> addresses) const {
    Said said = *this;
    said.attributes[Attribute::proxy_addresses] = std::move(addresses);
    return said;
  }

  /// As directories have it: mail and the primary proxy address.
  Said mail(const std::string& address) const {
    return with(Attribute::mail, address).proxies({"SMTP:" + address});
  }

  Said named(const std::string& name) const {
    return with(Attribute::display_name, name).with(Attribute::mail_nickname, name);
  }

  Said synced() const { return with(Attribute::sync_enabled, "true"); }

  Said mastered_in_cloud() const { return with(Attribute::sync_enabled, "false"); }

  Said never_synced() const { return without(Attribute::sync_enabled); }

  Said disabled() const { return with(Attribute::account_enabled, "false"); }

  /// The key by which users meet: Entra's copy of the AD object's source anchor.
  Said anchored_to(const Said& ad) const { return with(Attribute::immutable_id, ad.guid_bytes()); }

  /// An Exchange object of this Entra object.
  Said of(const Said& entra) const {
    return with(Attribute::external_directory_object_id, entra.anchor);
  }

  /// The same object in another domain of its forest, where it keeps its objectGUID.
  Said moved_to(const std::string& other) const {
    Said said = *this;
    said.connector = other;
    return said;
  }

  /// A tombstone: nothing is left but the anchor.
  Said gone(Presence how = Presence::deleted) const {
    Said said = *this;
    said.presence = how;
    said.attributes.clear();
    return said;
  }

  std::string guid_bytes() const {
    return base::base64_encode(base::Guid::parse(anchor)->ad_bytes());
  }

 private:
  Said of_kind(RecordKind wanted) const {
    Said said = *this;
    said.kind = wanted;
    return said;
  }
};

/// Object number N of each source; no two have an anchor in common. Two forests: "ad" and "ad2".
inline Said ad(int number) {
  return {"ad",
          ConnectorKind::active_directory,
          test::anchor(1'000 + number),
          RecordKind::contact,
          Presence::live,
          {}};
}

inline Said ad2(int number) {
  return {"ad2",
          ConnectorKind::active_directory,
          test::anchor(2'000 + number),
          RecordKind::contact,
          Presence::live,
          {}};
}

inline Said entra(int number) {
  return {"entra",
          ConnectorKind::entra,
          test::anchor(3'000 + number),
          RecordKind::contact,
          Presence::live,
          {}};
}

inline Said exchange(int number) {
  return {"exchange",
          ConnectorKind::exchange_online,
          test::anchor(4'000 + number),
          RecordKind::contact,
          Presence::live,
          {}};
}

/// "ad/1": what the functions above were called with.
inline std::string name_of(const std::string& connector, const std::string& anchor) {
  return connector + "/" + std::to_string(std::stoi(anchor.substr(24)) % 1'000);
}

inline std::string name_of(const Said& said) {
  return name_of(said.connector, said.anchor);
}

}  // namespace gald::simulation
