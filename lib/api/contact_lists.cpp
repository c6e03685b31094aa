#include "api/contact_lists.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>
#include <utility>

#include "api/answers.hpp"
#include "api/contact_query.hpp"
#include "api/cursor.hpp"
#include "api/problem.hpp"
#include "api/spool.hpp"
#include "index/entry_states.hpp"

namespace gald::api {

namespace {

using exporting::ContactKeys;
using index::PageOrder;

constexpr std::string_view kOrders = "displayName, -displayName, changedAt or -changedAt";

std::optional<PageOrder> order_named(std::string_view word) {
  if (word == "displayName")
    return PageOrder::name;
  if (word == "-displayName")
    return PageOrder::name_descending;
  if (word == "changedAt")
    return PageOrder::changed;
  if (word == "-changedAt")
    return PageOrder::changed_descending;
  return std::nullopt;
}

/// The parameters that do not go together with one that is given.
void refuse_with(const Parameters& parameters, std::string_view given,
                 std::initializer_list<std::string_view> others) {
  for (const std::string_view other : others)
    if (parameters.text(other))
      throw Refused(400, std::string(other) + ": does not go together with `" + std::string(given) +
                             "`; leave one of them out");
}

std::int64_t number_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    refuse_cursor();
  return number;
}

/// Which list a position is in.
std::string list_name(const Parameters& parameters, const std::string& within = {}) {
  std::string name = within;
  for (const std::string_view parameter : filter_parameters({"q", "sort", "at"}))
    name += '\n' + parameters.text(parameter).value_or("");
  return name;
}

std::string text_of_position(const std::string& list, const index::PagePosition& position) {
  std::vector<std::string> parts = {position.feed, std::to_string(position.row),
                                    std::to_string(position.change_number)};
  if (position.name)
    parts.push_back(*position.name);
  return cursor_text(list, parts);
}

index::PagePosition position_in(const std::string& list, const std::string& text) {
  const std::vector<std::string> parts = cursor_position(list, text);
  if (parts.size() != 3 && parts.size() != 4)
    refuse_cursor();
  index::PagePosition position{parts[0], {}, number_of(parts[2]), number_of(parts[1])};
  if (parts.size() == 4)
    position.name = parts[3];
  return position;
}

/// What an index throws for what was asked, as an answer.
template <typename Work>
net::ServerResponse explained(Work work) {
  try {
    return work();
  } catch (const index::NoSuchGroup&) {
    throw Refused(404,
                  "group: no group has this id, address or name; GET /api/identity/groups lists"
                  " those that there are");
  } catch (const index::ForeignPosition&) {
    throw Refused(400, "cursor: is of an index that was there before; begin anew without it");
  }
}

std::string display_name_of(const model::Contact& contact) {
  const auto it = contact.entry.values.find(model::Attribute::display_name);
  return it == contact.entry.values.end() ? std::string() : it->second;
}

/// The past has an order by name, and no index over it: what comes before the page is read, too.
net::ServerResponse page_of_the_past(Call& call, const index::ContactFilter& filter,
                                     const index::Moment& moment) {
  refuse_with(call.parameters, "at", {"q", "sort", "offset", "count"});
  const std::optional<ContactKeys> fields = fields_from(call.parameters);
  const std::string name = list_name(call.parameters);
  std::vector<std::string> after;
  if (const auto cursor = call.parameters.text("cursor")) {
    after = cursor_position(name, *cursor);
    if (after.size() != 2)
      refuse_cursor();
  }
  int left = page_limit(call.parameters);
  JsonList list;
  std::vector<std::string> last;
  std::optional<std::string> next;
  const Places::Place place(call.places);
  call.readers.history().contacts(moment, filter, [&](const model::Contact& contact) {
    std::string display_name = display_name_of(contact);
    if (!after.empty() && !index::comes_before(after[0], after[1], display_name, contact.entry.id))
      return true;
    if (left-- == 0) {
      next = cursor_text(name, last);
      return false;
    }
    last = {std::move(display_name), contact.entry.id};
    list.add(contact_text(contact, fields, true));
    return true;
  });
  return page_answer(call, list, next);
}

/// Whom the words mean, the likeliest first.
net::ServerResponse found(Call& call, const index::ContactFilter& filter,
                          const std::string& words) {
  refuse_with(call.parameters, "q", {"sort", "cursor", "offset", "count"});
  const std::optional<ContactKeys> fields = fields_from(call.parameters);
  const index::SearchResult result =
      call.readers.reader().search({words, filter, page_limit(call.parameters)});
  if (!result.ready)
    throw Refused(503, "the search is being made, after a first import or by a newer gald",
                  {{"Retry-After", "60"}});
  JsonList list;
  std::set<std::string> told;  // of two that have become one meanwhile, that one comes once
  for (const index::SearchHit& hit : result.hits)
    for (const model::Contact& contact : call.readers.reader().find(hit.id)) {
      if (!told.insert(contact.entry.id).second)
        continue;
      std::string text = contact_text(contact, fields, false);
      text.back() = ',';
      list.add(text + "\"similar\":" + (hit.similar ? "true}" : "false}"));
    }
  return page_answer(call, list, {}, result.more ? ",\"more\":true" : ",\"more\":false");
}

}  // namespace

std::optional<ContactKeys> fields_from(const Parameters& parameters) {
  const std::vector<std::string> names = parameters.list("fields");
  if (names.empty())
    return std::nullopt;
  const std::vector<std::string_view>& known = exporting::contact_keys();
  for (const std::string& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string all;
      for (const std::string_view key : known)
        (all += all.empty() ? "" : ", ") += key;
      throw Refused(400, "fields: there is no \"" + name + "\"; those that there are: " + all);
    }
  ContactKeys keys(names.begin(), names.end());
  keys.insert("id");
  return keys;
}

std::string contact_text(const model::Contact& contact, const std::optional<ContactKeys>& fields,
                         bool past) {
  if (past)
    return fields ? exporting::told_json(contact, *fields) : exporting::told_json(contact);
  return fields ? exporting::to_json(contact, *fields) : exporting::to_json(contact);
}

net::ServerResponse list_page(Call& call, index::PageQuery query,
                              const std::function<std::string(const model::Contact&)>& text_of,
                              const std::string& within) {
  const Parameters& parameters = call.parameters;
  query.limit = page_limit(parameters);
  query.offset =
      parameters.number("offset", 0, std::numeric_limits<std::int64_t>::max()).value_or(0);
  query.count = parameters.flag("count").value_or(false);
  const std::string name = list_name(parameters, within);
  if (const auto cursor = parameters.text("cursor")) {
    refuse_with(parameters, "cursor", {"offset"});
    query.after = position_in(name, *cursor);
  }
  return explained([&] {
    JsonList list;
    const index::Page page = call.readers.reader().page(
        query, [&](const model::Contact& contact) { list.add(text_of(contact)); });
    std::optional<std::string> next;
    if (page.next)
      next = text_of_position(name, *page.next);
    return page_answer(call, list, next,
                       page.total ? ",\"total\":" + std::to_string(*page.total) : std::string());
  });
}

net::ServerResponse list_contacts(Call& call, const index::ContactFilter& filter,
                                  const std::string& within) {
  const Parameters& parameters = call.parameters;
  if (const auto moment = moment_from(parameters, call.services.clock.now()))
    return explained([&] { return page_of_the_past(call, filter, *moment); });
  if (const auto words = parameters.text("q"))
    return explained([&] { return found(call, filter, *words); });
  const std::optional<ContactKeys> fields = fields_from(parameters);
  const PageOrder order = parameters.word("sort", order_named, kOrders).value_or(PageOrder::name);
  return list_page(
      call, {.filter = filter, .order = order},
      [&](const model::Contact& contact) { return contact_text(contact, fields, false); }, within);
}

}  // namespace gald::api
