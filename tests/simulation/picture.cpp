#include "picture.hpp"

#include <algorithm>
#include <sstream>

#include <SQLiteCpp/SQLiteCpp.h>

#include "index/reader.hpp"

namespace gald::simulation {

using model::Contact;

namespace {

constexpr int kAsked = 4;

index::ContactFilter everybody() {
  index::ContactFilter filter;
  filter.with_deleted = true;
  return filter;
}

index::ContactFilter all_groups() {
  index::ContactFilter filter = everybody();
  filter.kind = model::EntryKind::group;
  return filter;
}

/// One of each sort; the group by its id.
std::vector<index::ContactFilter> filters_for(const Picture& picture) {
  std::vector<index::ContactFilter> filters(5);
  filters[0].source = model::Source::hybrid;
  filters[0].kind = model::EntryKind::user;
  filters[1].status = model::Status::disabled;
  filters[2].visibility = index::Visibility::hidden;
  filters[3].label = "VIP";
  filters[4].changed_after = picture.newest - 20;
  for (const Contact& contact : picture.entries)
    if (contact.entry.kind == model::EntryKind::group &&
        contact.entry.status != model::Status::deleted) {
      filters.emplace_back().group = contact.entry.id;
      break;
    }
  return filters;
}

template <typename Source>
std::vector<std::string> ids_left(const Source& list) {
  std::vector<std::string> ids;
  list([&](const Contact& contact) {
    ids.push_back(contact.entry.id);
    return true;
  });
  return ids;
}

std::set<std::string> ids_of(const std::vector<Contact>& contacts) {
  std::set<std::string> ids;
  for (const Contact& contact : contacts)
    ids.insert(contact.entry.id);
  return ids;
}

}  // namespace

std::string text_of(const Contact& contact) {
  const model::Entry& entry = contact.entry;
  std::ostringstream out;
  out << entry.id << ' ' << to_string(entry.kind) << ' ' << to_string(entry.source) << ' '
      << to_string(entry.status) << " |";
  for (const auto& [attribute, value] : entry.values)
    if (attribute != model::Attribute::manager)
      out << ' ' << model::name(attribute) << '=' << value;
  out << " |";
  for (const model::Address& address : entry.addresses)
    out << ' ' << address.kind << ':' << address.value << (address.primary ? "*" : "");
  out << " |";
  for (const model::Phone& phone : entry.phones)
    out << ' ' << phone.type << ':' << phone.raw << '/' << phone.e164 << '/' << phone.extension
        << '/' << to_string(phone.kind);
  out << " | manager " << contact.manager_id << " |";
  for (const model::GroupReference& group : contact.groups)
    out << ' ' << group.id << '=' << group.display_name;
  out << " |";
  for (const std::string& label : contact.labels)
    out << ' ' << label;
  out << " | " << entry.search_name << " | " << contact.change_number << ' ' << contact.changed_at;
  return out.str();
}

void Picture::forget(const std::string& id) {
  std::erase_if(entries, [&](const Contact& contact) { return contact.entry.id == id; });
  for (Contact& contact : entries) {
    if (contact.manager_id == id)
      contact.manager_id.clear();
    std::erase_if(contact.groups, [&](const auto& group) { return group.id == id; });
  }
  forwards.erase(id);
  found.erase(id);
  for (auto& [unused, ids] : found)
    ids.erase(id);
  std::erase_if(filtered, [&](const auto& one) { return one.first.group == id; });
  for (auto& [unused, ids] : filtered)
    std::erase(ids, id);
}

std::vector<std::string> Picture::texts() const {
  std::vector<std::string> texts;
  for (const Contact& contact : entries)
    texts.push_back(text_of(contact));
  return texts;
}

Picture picture_of(const std::filesystem::path& file, base::TimePoint at, std::mt19937& random) {
  Picture picture;
  picture.at = at;
  const index::Reader reader(file);
  const auto take = [&](const Contact& contact) {
    picture.entries.push_back(contact);
    return true;
  };
  reader.contacts(everybody(), take);
  reader.contacts(all_groups(), take);
  picture.newest = reader.overview().last_change;
  SQLite::Database database(file.string());
  SQLite::Statement merged(database, "SELECT id, forward_to FROM merged_contacts");
  while (merged.executeStep()) {
    const std::string id = merged.getColumn(0).getString();
    picture.forwards[id] = merged.getColumn(1).getString();
    picture.found[id] = {};
  }
  for (int i = 0; i < kAsked && !picture.entries.empty(); ++i) {
    const model::Entry& entry = picture.entries[random() % picture.entries.size()].entry;
    if (!entry.addresses.empty())
      picture.found[entry.addresses[random() % entry.addresses.size()].value] = {};
    if (const auto name = entry.values.find(model::Attribute::display_name);
        name != entry.values.end())
      picture.found[name->second] = {};
  }
  for (auto& [what, ids] : picture.found)
    ids = ids_of(reader.find(what));
  for (const index::ContactFilter& filter : filters_for(picture))
    picture.filtered.emplace_back(
        filter, ids_left([&](const auto& visit) { reader.contacts(filter, visit); }));
  return picture;
}

Picture picture_of_the_past(const index::History& history, const Picture& then) {
  Picture picture;
  picture.at = then.at;
  picture.newest = then.newest;
  const auto take = [&](const Contact& contact) {
    picture.entries.push_back(contact);
    return true;
  };
  history.contacts(then.at, everybody(), take);
  history.contacts(then.at, all_groups(), take);
  for (const auto& [what, unused] : then.found)
    picture.found[what] = ids_of(history.find(then.at, what));
  for (const auto& [filter, unused] : then.filtered)
    picture.filtered.emplace_back(filter, ids_left([&, &asked = filter](const auto& visit) {
                                    history.contacts(then.at, asked, visit);
                                  }));
  return picture;
}

void Follower::follow(int limit, std::optional<int> dies_after) {
  steps_left_ = dies_after;
  const index::Feed feed(file_);
  try {
    for (bool more = true; more;) {
      const index::FeedAnswer answer = ask(feed, limit);
      position_ = answer.next;
      more = answer.more;
    }
  } catch (const Died&) {  // and begins anew next time
  }
}

index::FeedAnswer Follower::ask(const index::Feed& feed, int limit) {
  if (position_) {
    index::FeedAnswer answer =
        feed.compacted(*position_, limit, [&](const index::FeedItem& item) { apply(item); });
    if (answer.standing == index::FeedAnswer::Standing::known)
      return answer;
  }
  copy_.clear();
  forwards_.clear();
  position_.reset();
  const index::FeedAnswer answer = feed.snapshot([&](const index::FeedItem& item) { apply(item); });
  ++snapshots_;
  return answer;
}

void Follower::apply(const index::FeedItem& item) {
  using Action = index::FeedItem::Action;
  if (steps_left_ && (*steps_left_)-- == 0)
    throw Died();
  copy_.erase(item.id);
  forwards_.erase(item.id);
  if (item.action == Action::forward)
    forwards_[item.id] = item.forward_to;
  else if (item.action != Action::purge)
    copy_[item.id] = text_of(item.contact);
}

}  // namespace gald::simulation
