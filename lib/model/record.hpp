// What a source says, and how it says that something changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/attribute.hpp"

namespace gald::model {

enum class ConnectorKind { active_directory, entra, exchange_online };

std::string_view to_string(ConnectorKind kind);  // "active-directory" | "entra" | "exchange-online"
std::optional<ConnectorKind> connector_kind_named(std::string_view name);

/// The kind of object behind a record. A container is an OU or the like: it is staged because
/// distinguished names are rebuilt from it, and never published.
enum class RecordKind { contact, user, group, container };

std::string_view to_string(RecordKind kind);
std::optional<RecordKind> record_kind_named(std::string_view name);

/// Whether the source still has the object.
enum class Presence {
  live,
  soft_deleted,  ///< gone, and the source can bring it back with its links (Graph "changed", AD
                 ///< Recycle Bin)
  deleted,       ///< gone for good, links included (Graph "deleted", AD tombstone)
  absent,        ///< a complete read did not contain it
  out_of_scope,  ///< still there, where the configuration does not look
};

std::string_view to_string(Presence presence);
std::optional<Presence> presence_named(std::string_view name);

/// One thing a source said about one object: always a patch. What it does not name stays as it
/// was, because DirSync and Graph's delta both send partial objects.
struct Change {
  std::string anchor;              ///< lower-case GUID text; never empty
  std::optional<RecordKind> kind;  ///< nothing: the source did not say, the record keeps its kind
  Presence presence = Presence::live;

  Attributes set;                  ///< replaces the values of each named attribute
  std::vector<Attribute> cleared;  ///< attributes that have no value any more

  /// The source tells its objects in several parts, of which this is one that names all of its
  /// attributes: in a full round too, the others stay as they were.
  bool part = false;

  /// Names all of the object's attributes in a delta round too: the others have no value any more.
  bool whole = false;

  /// Attributes that the source tells elsewhere: they stay as they were in a full round, although
  /// this change does not name them.
  std::vector<Attribute> kept;

  /// Direct members of a group, by their anchors in the same connector.
  std::vector<std::string> members_added;
  std::vector<std::string> members_removed;
  bool members_complete = false;  ///< members_added is the whole list
};

/// An object that could not be mapped. It is kept with its reason instead of failing its page.
struct Rejected {
  std::string anchor;  ///< may be empty when even that was unreadable
  std::string reason;  ///< names the attribute and what was expected; no values
};

/// Where to go on reading. Opaque to everybody but the connector that made it.
struct Cursor {
  std::string position;  ///< empty: from the beginning
  std::string
      answered_by;  ///< who gave it (a DC and its invocationId); empty where it does not matter

  bool operator==(const Cursor&) const = default;
};

}  // namespace gald::model
