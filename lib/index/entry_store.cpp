#include "index/entry_store.hpp"

#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "index/attributes_json.hpp"
#include "index/codes.hpp"
#include "model/forms.hpp"
#include "model/phone_match.hpp"

namespace gald::index {

using model::Attribute;

namespace {

/// Published attributes with a column of their own; the extension attributes share one.
constexpr std::array<std::pair<Attribute, std::string_view>, 24> kColumns = {{
    {Attribute::display_name, "display_name"},
    {Attribute::given_name, "given_name"},
    {Attribute::surname, "surname"},
    {Attribute::initials, "initials"},
    {Attribute::company_name, "company_name"},
    {Attribute::department, "department"},
    {Attribute::job_title, "job_title"},
    {Attribute::office_location, "office_location"},
    {Attribute::employee_id, "employee_id"},
    {Attribute::description, "description"},
    {Attribute::notes, "notes"},
    {Attribute::web_page, "web_page"},
    {Attribute::manager, "manager"},
    {Attribute::mail, "mail"},
    {Attribute::mail_nickname, "mail_nickname"},
    {Attribute::user_principal_name, "user_principal_name"},
    {Attribute::street, "street"},
    {Attribute::city, "city"},
    {Attribute::state, "state"},
    {Attribute::postal_code, "postal_code"},
    {Attribute::country, "country_or_region"},
    {Attribute::hidden, "hidden"},
    {Attribute::group_type, "group_type"},
    {Attribute::distinguished_name, "distinguished_name"},
}};

constexpr int kFixedColumns = 4;  // uuid, kind, source, status

std::optional<std::string> column_value(const model::Entry& entry, Attribute attribute) {
  const auto it = entry.values.find(attribute);
  if (it == entry.values.end())
    return std::nullopt;
  if (attribute == Attribute::hidden)
    return it->second == "true" ? "1" : "0";
  return it->second;
}

/// UPSERT with one parameter per column, made once from the table above.
const std::string& upsert_sql() {
  static const std::string kSql = [] {
    std::string names = "uuid, kind_code, source_code, status_code";
    std::string values = "?1, " + code_of("?2", kEntryKinds) + ", " + code_of("?3", kSources) +
                         ", " + code_of("?4", kStatuses);
    std::string updates =
        "kind_code = excluded.kind_code, source_code = excluded.source_code,"
        " status_code = excluded.status_code";
    for (const auto& [unused, column] : kColumns) {
      names += ", " + std::string(column);
      values += ", ?";
      updates += ", " + std::string(column) + " = excluded." + std::string(column);
    }
    for (const std::string_view column :
         {"custom_attributes", "origins", "search_name", "changed_at", "change_number"}) {
      names += ", " + std::string(column);
      values += ", ?";
      updates += ", " + std::string(column) + " = excluded." + std::string(column);
    }
    names += ", created_run, created_at";
    values += ", ?, ?";
    updates += ", forward_to = NULL";
    return "INSERT INTO entry (" + names + ") VALUES (" + values +
           ") ON CONFLICT (uuid) DO UPDATE SET " + updates + " RETURNING id";
  }();
  return kSql;
}

/// The row of the set, which is made when it is new.
std::int64_t save_origins(Statements& statements,
                          const std::map<std::string, std::string>& origins) {
  const std::string json = to_json(origins);
  Query query(statements, "SELECT id FROM origin_set WHERE json = ?1");
  query.bind(json);
  if (query.next())
    return query.integer(0);
  Query insert(statements, "INSERT INTO origin_set (json) VALUES (?1) RETURNING id");
  insert.bind(json);
  insert.next();
  return insert.integer(0);
}

void save_lists(Statements& statements, std::int64_t row, const model::Entry& entry) {
  static const std::string kAddress =
      "INSERT INTO address (entry_id, position, kind_code, value, folded_form, is_primary,"
      " connector_id) VALUES (?1, ?2, " +
      code_of("?3", kAddressKinds) +
      ", ?4, nullif(?5, ?4), ?6, (SELECT id FROM connector WHERE name = ?7))";
  static const std::string kPhone =
      "INSERT INTO phone (entry_id, position, type_code, raw, e164_digits, extension, connector_id,"
      " kind_code, national) VALUES (?1, ?2, " +
      code_of("?3", kPhoneTypes) +
      ", ?4, iif(length(?5) <= 16, CAST(substr(?5, 2) AS INTEGER), substr(?5, 2)), ?6, (SELECT id "
      "FROM connector WHERE name = ?7), " +
      code_of("?8", kPhoneKinds) + ", ?9)";
  Query(statements, "DELETE FROM address WHERE entry_id = ?1").bind(row).run();
  Query(statements, "DELETE FROM phone WHERE entry_id = ?1").bind(row).run();
  int position = 0;
  for (const model::Address& address : entry.addresses)
    Query(statements, kAddress)
        .bind(row, position++, address.kind, address.value, model::fold_address(address.value),
              address.primary, address.connector)
        .run();
  position = 0;
  for (const model::Phone& phone : entry.phones) {
    const auto or_null = [](const std::string& text) {
      return text.empty() ? std::nullopt : std::optional(text);
    };
    Query(statements, kPhone)
        .bind(row, position++, phone.type, phone.raw, or_null(phone.e164), or_null(phone.extension),
              phone.connector, to_string(phone.kind),
              or_null(phone.kind == model::PhoneKind::national ? model::national_digits(phone.raw)
                                                               : ""))
        .run();
  }
}

}  // namespace

std::span<const std::pair<Attribute, std::string_view>> attribute_columns() {
  return kColumns;
}

std::string entry_columns() {
  std::string columns = "e.uuid, e.kind, e.source, e.status";
  for (const auto& [unused, column] : kColumns)
    columns += ", e." + std::string(column);
  return columns +
         ", e.custom_attributes, (SELECT o.json FROM origin_set o WHERE o.id = e.origins),"
         " e.search_name";
}

model::Entry read_entry(Query& row, int first_column) {
  model::Entry entry;
  entry.id = row.text(first_column);
  entry.kind = model::entry_kind_named(row.text(first_column + 1)).value();
  entry.source = model::source_named(row.text(first_column + 2)).value();
  entry.status = model::status_named(row.text(first_column + 3)).value();
  int column = first_column + kFixedColumns;
  for (const auto& [attribute, unused] : kColumns) {
    if (!row.is_null(column))
      entry.values[attribute] = attribute == Attribute::hidden
                                    ? (row.integer(column) != 0 ? "true" : "false")
                                    : row.text(column);
    ++column;
  }
  for (auto& [attribute, values] : attributes_from_json(row.text(column)))
    entry.values[attribute] = values.front();
  entry.origins = object_from_json(row.text(column + 1));
  entry.search_name = row.text(column + 2);
  return entry;
}

void read_lists(Statements& statements, std::int64_t row, model::Entry& entry) {
  {
    Query query(statements,
                "SELECT a.kind, a.value, a.is_primary,"
                " (SELECT c.name FROM connector c WHERE c.id = a.connector_id)"
                " FROM address a WHERE a.entry_id = ?1 ORDER BY a.position");
    query.bind(row);
    while (query.next())
      entry.addresses.push_back(
          {query.text(0), query.text(1), query.integer(2) != 0, query.text(3)});
  }
  Query query(statements,
              "SELECT p.type, p.raw, p.e164, p.extension,"
              " (SELECT c.name FROM connector c WHERE c.id = p.connector_id), p.kind"
              " FROM phone p WHERE p.entry_id = ?1 ORDER BY p.position");
  query.bind(row);
  while (query.next())
    entry.phones.push_back(
        {query.text(0), query.text(1), query.text(2), query.text(3), query.text(4),
         model::phone_kind_named(query.text(5)).value_or(model::PhoneKind::unparsable)});
}

std::optional<StoredEntry> load_entry(Statements& statements, std::int64_t row) {
  StoredEntry stored;
  {
    static const std::string kSql = "SELECT " + entry_columns() + " FROM entry e WHERE e.id = ?1";
    Query query(statements, kSql);
    query.bind(row);
    if (!query.next())
      return std::nullopt;
    stored.row = row;
    stored.entry = read_entry(query, 0);
  }
  read_lists(statements, row, stored.entry);
  return stored;
}

std::int64_t save_entry(Statements& statements, const model::Entry& entry, std::int64_t run,
                        base::TimePoint at, std::int64_t number) {
  model::Attributes custom;
  for (int i = 1; i <= 15; ++i)
    if (const auto it = entry.values.find(model::extension_attribute(i)); it != entry.values.end())
      custom[it->first] = {it->second};

  const std::int64_t origins = save_origins(statements, entry.origins);
  std::int64_t row = 0;
  {
    Query use(statements, upsert_sql());  // resets the statement, whatever happens
    SQLite::Statement& upsert = statements.prepared(upsert_sql());
    int position = 0;
    const auto text = [&](std::string_view value) { upsert.bind(++position, std::string(value)); };
    text(entry.id);
    text(to_string(entry.kind));
    text(to_string(entry.source));
    text(to_string(entry.status));
    for (const auto& [attribute, unused] : kColumns) {
      const std::optional<std::string> value = column_value(entry, attribute);
      if (value)
        text(*value);
      else
        upsert.bind(++position);
    }
    text(to_json(custom));
    upsert.bind(++position, origins);
    text(entry.search_name);
    const auto milliseconds = static_cast<std::int64_t>(at.time_since_epoch().count());
    upsert.bind(++position, milliseconds);
    upsert.bind(++position, number);
    upsert.bind(++position, run);
    upsert.bind(++position, milliseconds);
    upsert.executeStep();
    row = upsert.getColumn(0).getInt64();
  }
  save_lists(statements, row, entry);
  return row;
}

}  // namespace gald::index
