#include "index/narrowing.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>

#include <sqlite3.h>

#include "index/entry_store.hpp"
#include "model/name_form.hpp"

namespace gald::index {

using model::Attribute;

namespace {

bool is_extension_attribute(Attribute attribute) {
  return attribute >= Attribute::extension_attribute_1 &&
         attribute <= Attribute::extension_attribute_15;
}

/// What readers may ask for beside the views: nothing that says who there is.
bool is_open(std::string_view table) {
  static const std::set<std::string_view> kOpen = {
      "active_policy", "collection",   "conflict_kind", "connector",     "history",
      "json_each",     "search_state", "search_word",   "sqlite_master", "upkeep"};
  return kOpen.contains(table) || table.starts_with("name_search") ||
         table.starts_with("word_search");
}

std::string text_of(sqlite3_value* value) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  return text == nullptr ? std::string() : std::string(text);
}

void search_name_of(sqlite3_context* context, int, sqlite3_value** names) {
  const std::string words =
      model::search_name(text_of(names[0]), text_of(names[1]), text_of(names[2]));
  sqlite3_result_text(context, words.data(), static_cast<int>(words.size()), SQLITE_TRANSIENT);
}

/// The last argument is the view that reads the table, if any does. Without a column nothing is
/// read, and SQLite may have forgotten the view.
int allow(void*, int action, const char* table, const char* column, const char* schema,
          const char* view) {
  if (action != SQLITE_READ || schema == nullptr || std::string_view(schema) != "main" ||
      *column == '\0')
    return SQLITE_OK;
  return view != nullptr || is_open(table) ? SQLITE_OK : SQLITE_DENY;
}

/// Their rows. CROSS: SQLite would go through all entries.
constexpr std::string_view kPermittedGroups =
    "SELECT g.id FROM temp.permitted_group p CROSS JOIN main.entry g ON g.uuid = p.uuid";

/// Conflicts of one contact whose evidence names no object but its own. "skipped" and
/// "quarantined-address" name what another one has, and nothing says whether that may be seen.
constexpr std::string_view kOfOneOnly =
    "x.kind IN ('ad-not-seen', 'duplicate-anchor', 'moved-to-cloud')";

class Narrowing {
 public:
  Narrowing(SQLite::Database& database, const Permission& permission)
      : database_(database), permission_(permission) {}

  void apply() {
    database_.createFunction("gald_search_name", 3, true, nullptr, search_name_of);
    name_groups();
    view("entry", entry_columns_told(), "main.entry x", visible());
    const std::string entry_there = "EXISTS (SELECT 1 FROM temp.entry e WHERE e.id = x.";
    view("membership", "x.group_id, x.member_id", "main.membership x",
         entry_there + "member_id) AND " + entry_there + "group_id)" + only_if("groups"));
    view("address", without_connector("address"), "main.address x",
         entry_there + "entry_id)" + only_if("addresses"));
    view("phone", without_connector("phone"), "main.phone x",
         entry_there + "entry_id)" + only_if("phones"));
    view("former_address", "x.*", "main.former_address x",
         entry_there + "entry_id) AND " + permitted_since() + only_if("addresses"));
    view("label_group", "x.*", "main.label_group x", entry_there + "group_id)" + only_if("labels"));
    // when something was told, and nothing of whom and what
    view("change", "x.number, x.at", "main.change x", "1");

    // what shows values, whoever they belong to
    const std::string with_attributes = permission_.attributes ? " AND 0" : "";
    view("record", "x.*", "main.record x",
         "(x.kind = 'container' OR " + entry_there + "entry_id))" + with_attributes);
    view("last_live", "x.*", "main.last_live x",
         "EXISTS (SELECT 1 FROM temp.record r WHERE r.id = x.record_id)");
    view("origin_set", permission_.attributes ? "x.id, '{}' AS json" : "x.*", "main.origin_set x",
         "1");
    view("conflict", "x.*", "main.conflict x",
         entry_there + "entry_id) AND CASE x.other_id WHEN 0 THEN " + std::string(kOfOneOnly) +
             " ELSE " + entry_there + "other_id) END" + with_attributes);

    // of the whole index: when it was read, and not what came of it
    view("plan", "x.*", "main.plan x", "0");
    view("quarantine", "x.*", "main.quarantine x", "0");
    view("run", masked("run", {"id", "started_at", "ended_at", "outcome"}), "main.run x", "1");
    view("run_collection",
         masked("run_collection", {"run_id", "connector", "collection", "complete", "full_round"}),
         "main.run_collection x", "1");
    copy_views();
    sqlite3_set_authorizer(database_.getHandle(), allow, nullptr);
  }

 private:
  void view(const std::string& name, const std::string& columns, const std::string& from,
            const std::string& where) {
    database_.exec("CREATE TEMP VIEW " + name + " AS SELECT " + columns + " FROM " + from +
                   " WHERE " + where);
  }

  /// By id: their rows may be others tomorrow.
  void name_groups() {
    database_.exec("CREATE TEMP TABLE permitted_group (uuid TEXT PRIMARY KEY) WITHOUT ROWID");
    if (!permission_.groups)
      return;
    view("permitted_member", "x.member_id", "main.membership x",
         "x.group_id IN (" + std::string(kPermittedGroups) + ")");
    SQLite::Statement insert(database_, "INSERT INTO temp.permitted_group VALUES (?1)");
    for (const std::string& id : *permission_.groups) {
      insert.bind(1, id);
      insert.exec();
      insert.reset();
    }
  }

  /// permits() for the table as it is.
  std::string visible() const {
    std::string shown = permission_.hidden ? "1" : "x.hidden IS NOT 1";
    if (permission_.sources) {
      std::string sources;
      for (const model::Source source : *permission_.sources)
        sources += (sources.empty() ? "'" : ", '") + std::string(to_string(source)) + "'";
      shown += " AND x.source IN (" + sources + ")";
    }
    if (permission_.groups)
      shown =
          "CASE x.kind_code WHEN 3 THEN x.uuid IN (SELECT uuid FROM temp.permitted_group) ELSE "
          "EXISTS (SELECT 1 FROM main.membership m WHERE m.member_id = x.id AND m.group_id IN (" +
          std::string(kPermittedGroups) + ")) AND " + shown + " END";
    return "x.forward_to IS NULL AND " + shown;
  }

  /// Whoever is visible now, and of whom nothing was told since the address was lost that could
  /// have made them so, was visible then.
  std::string permitted_since() const {
    if (!permission_.sources && !permission_.groups && permission_.hidden)
      return "1";
    return "x.until > coalesce((SELECT h.at FROM main.history h), '')"
           " AND NOT EXISTS (SELECT 1 FROM main.change c WHERE c.entry_id = x.entry_id"
           " AND c.at >= x.until AND c.field IN ('source', 'hidden', 'kind', 'groups', 'id'))";
  }

  std::string only_if(std::string_view attribute) const {
    return permission_.tells(attribute) ? "" : " AND 0";
  }

  std::vector<std::string> columns_of(const std::string& table) const {
    SQLite::Statement query(database_, "SELECT name FROM pragma_table_xinfo(?1, 'main')");
    query.bind(1, table);
    std::vector<std::string> names;
    while (query.executeStep())
      names.push_back(query.getColumn(0).getString());
    return names;
  }

  /// Whose record has a value is told with all attributes only.
  std::string without_connector(const std::string& table) const {
    if (!permission_.attributes)
      return "x.*";
    std::string columns;
    for (const std::string& column : columns_of(table))
      columns += (columns.empty() ? "" : ", ") +
                 (column == "connector_id" ? "NULL AS connector_id" : "x." + column);
    return columns;
  }

  std::string masked(const std::string& table, const std::set<std::string>& told) const {
    std::string columns;
    for (const std::string& column : columns_of(table)) {
      columns += columns.empty() ? "" : ", ";
      if (told.contains(column))
        columns += "x." + column;
      else if (column == "error")  // that there was one
        columns += "iif(x.error = '', '', 'failed') AS error";
      else
        columns += "0 AS " + column;
    }
    return columns;
  }

  /// All columns of the table; those that nobody thought of are empty.
  std::string entry_columns_told() const {
    std::set<std::string_view> told = {
        "id",     "uuid",    "kind_code",   "source_code", "status_code", "kind",         "source",
        "status", "origins", "created_run", "created_at",  "changed_at",  "change_number"};
    for (const auto& [attribute, column] : attribute_columns())
      if (attribute != Attribute::manager && permission_.tells(told_as(attribute)))
        told.insert(column);
    if (permission_.tells("customAttributes"))
      told.insert("custom_attributes");
    if (permission_.tells("manager"))  // which entry it is; whoever may see that one is told its id
      told.insert("manager_entry");
    const auto or_null = [&](const std::string& column) {
      return told.contains(column) ? "x." + column : std::string("NULL");
    };
    const bool all_names =
        told.contains("display_name") && told.contains("given_name") && told.contains("surname");
    std::string columns;
    for (const std::string& column : columns_of("entry")) {
      columns += columns.empty() ? "" : ", ";
      if (column == "search_name" && !all_names)
        columns += "gald_search_name(" + or_null("display_name") + ", " + or_null("given_name") +
                   ", " + or_null("surname") + ") AS search_name";
      else if (column == "search_name" || told.contains(column))
        columns += "x." + column;
      else
        columns += (column == "custom_attributes" ? "'{}' AS " : "NULL AS ") + column;
    }
    return columns;
  }

  /// The views of the contract, over these tables. Names in a temporary view mean temporary ones
  /// first.
  void copy_views() {
    std::vector<std::string> texts;
    {
      SQLite::Statement query(database_, "SELECT sql FROM main.sqlite_schema WHERE type = 'view'");
      while (query.executeStep())
        texts.push_back(query.getColumn(0).getString());
    }
    constexpr std::string_view kCreate = "CREATE VIEW";
    for (const std::string& text : texts) {
      if (!text.starts_with(kCreate))
        throw std::runtime_error("a view that nobody knows is in the index");
      database_.exec("CREATE TEMP VIEW" + text.substr(kCreate.size()));
    }
  }

  SQLite::Database& database_;
  const Permission& permission_;
};

}  // namespace

void narrow(SQLite::Database& database, const Permission& permission) {
  if (!permission.everything())
    Narrowing(database, permission).apply();
}

bool is_narrowed(Statements& statements) {
  Query query(statements, "SELECT 1 FROM temp.sqlite_master WHERE name = 'entry'");
  return query.next();
}

bool is_narrowed_to_members(Statements& statements) {
  Query query(statements, "SELECT 1 FROM temp.sqlite_master WHERE name = 'permitted_member'");
  return query.next();
}

bool permits(const Permission& permission, const model::EntryState& state) {
  if (permission.everything())
    return true;
  const model::Entry& entry = state.entry;
  if (!state.forward_to.empty())
    return false;
  if (permission.groups && entry.kind == model::EntryKind::group)
    return permission.groups->contains(entry.id);
  if (permission.sources && !permission.sources->contains(entry.source))
    return false;
  const auto hidden = entry.values.find(Attribute::hidden);
  if (!permission.hidden && hidden != entry.values.end() && hidden->second == "true")
    return false;
  return !permission.groups ||
         std::any_of(state.groups.begin(), state.groups.end(),
                     [&](const std::string& id) { return permission.groups->contains(id); });
}

void narrow(const Permission& permission, model::EntryState& state) {
  if (!permission.attributes)
    return;
  model::Entry& entry = state.entry;
  std::erase_if(entry.values,
                [&](const auto& one) { return !permission.tells(told_as(one.first)); });
  if (!permission.tells("addresses"))
    entry.addresses.clear();
  if (!permission.tells("phones"))
    entry.phones.clear();
  if (!permission.tells("groups"))
    state.groups.clear();
  if (!permission.tells("labels"))
    state.member_labels.clear();
  if (!permission.tells("manager"))
    state.manager_id.clear();
  entry.origins.clear();
  const auto value = [&](Attribute attribute) {
    const auto it = entry.values.find(attribute);
    return it == entry.values.end() ? std::string_view() : std::string_view(it->second);
  };
  entry.search_name = model::search_name(value(Attribute::display_name),
                                         value(Attribute::given_name), value(Attribute::surname));
}

std::string_view told_as(Attribute attribute) {
  switch (attribute) {
    case Attribute::street:
    case Attribute::city:
    case Attribute::state:
    case Attribute::postal_code:
    case Attribute::country:
      return "postalAddress";
    default:
      return is_extension_attribute(attribute) ? "customAttributes" : model::name(attribute);
  }
}

const std::vector<std::string_view>& attribute_names() {
  static const std::vector<std::string_view> kNames = [] {
    std::vector<std::string_view> names;
    for (const Attribute attribute : model::published_attributes())
      if (std::find(names.begin(), names.end(), told_as(attribute)) == names.end())
        names.push_back(told_as(attribute));
    names.insert(names.end(), {"addresses", "phones", "groups", "labels"});
    return names;
  }();
  return kNames;
}

}  // namespace gald::index
