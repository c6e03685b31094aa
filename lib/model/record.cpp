#include "model/record.hpp"

#include "model/names.hpp"

namespace gald::model {

namespace {

constexpr Names<ConnectorKind, 3> kConnectorKinds = {{
    {ConnectorKind::active_directory, "active-directory"},
    {ConnectorKind::entra, "entra"},
    {ConnectorKind::exchange_online, "exchange-online"},
}};

constexpr Names<RecordKind, 4> kRecordKinds = {{
    {RecordKind::contact, "contact"},
    {RecordKind::user, "user"},
    {RecordKind::group, "group"},
    {RecordKind::container, "container"},
}};

constexpr Names<Presence, 5> kPresences = {{
    {Presence::live, "live"},
    {Presence::soft_deleted, "soft_deleted"},
    {Presence::deleted, "deleted"},
    {Presence::absent, "absent"},
    {Presence::out_of_scope, "out_of_scope"},
}};

}  // namespace

std::string_view to_string(ConnectorKind kind) {
  return name_of(kConnectorKinds, kind);
}

std::optional<ConnectorKind> connector_kind_named(std::string_view name) {
  return value_of(kConnectorKinds, name);
}

std::string_view to_string(RecordKind kind) {
  return name_of(kRecordKinds, kind);
}

std::optional<RecordKind> record_kind_named(std::string_view name) {
  return value_of(kRecordKinds, name);
}

std::string_view to_string(Presence presence) {
  return name_of(kPresences, presence);
}

std::optional<Presence> presence_named(std::string_view name) {
  return value_of(kPresences, name);
}

}  // namespace gald::model
