#include "model/past.hpp"

#include <gtest/gtest.h>

#include "model/forms.hpp"
#include "reconcile/difference.hpp"

namespace gald::model {
namespace {

using Changes = std::vector<PastChange>;

PastChange told(std::string operation, std::string field, std::optional<std::string> old_value,
                std::optional<std::string> new_value) {
  PastChange line;
  line.operation = std::move(operation);
  line.change = {std::move(field), std::move(old_value), std::move(new_value), "ad"};
  return line;
}

EntryState jane() {
  EntryState state;
  state.entry.id = "jane";
  state.entry.kind = EntryKind::user;
  state.entry.values = {{Attribute::display_name, "Jane Döe"}, {Attribute::manager, "ad/x"}};
  state.entry.addresses = {{"smtp", "jane@contoso.test", true, "ad"},
                           {"x500", "/o=c/cn=jane", false, "entra"}};
  state.entry.phones = {{"business", "089 1", "+49891", "", "ad", PhoneKind::international}};
  state.entry.origins = {{"displayName", "ad"}};
  state.entry.search_name = "jane doe doee";
  state.groups = {"staff"};
  state.manager_id = "boss";
  return state;
}

TEST(Past, NothingTakenBackIsWhatIsTold) {
  const EntryState now = told_of(jane());
  EXPECT_TRUE(now.entry.origins.empty());
  EXPECT_EQ(now.entry.addresses.front().connector, "");
  EXPECT_EQ(now.entry.phones.front().connector, "");
  EXPECT_FALSE(now.entry.values.contains(Attribute::manager));
  EXPECT_EQ(taken_back(jane(), {})->entry.addresses, now.entry.addresses);
}

TEST(Past, BeforeItsCreationThereWasNothing) {
  EXPECT_FALSE(taken_back(jane(), Changes{told("updated", "jobTitle", "A", "B"),
                                          told("created", "status", std::nullopt, "active")}));
}

TEST(Past, ValuesComeAndGo) {
  const auto was =
      taken_back(jane(), Changes{told("updated", "displayName", "Jane Roe", "Jane Döe"),
                                 told("updated", "jobTitle", "Engineer", std::nullopt),
                                 told("updated", "hidden", "true", std::nullopt),
                                 told("updated", "manager", std::nullopt, "boss"),
                                 told("updated", "kind", "guest", "user"),
                                 told("updated", "source", "hybrid", "cloud"),
                                 told("restored", "status", "deleted", "active")});
  ASSERT_TRUE(was);
  EXPECT_EQ(was->entry.values,
            (std::map<Attribute, std::string>{{Attribute::display_name, "Jane Roe"},
                                              {Attribute::job_title, "Engineer"},
                                              {Attribute::hidden, "true"}}));
  EXPECT_EQ(was->entry.search_name, "jane roe");
  EXPECT_EQ(was->manager_id, "");
  EXPECT_EQ(was->entry.kind, EntryKind::guest);
  EXPECT_EQ(was->entry.source, Source::hybrid);
  EXPECT_EQ(was->entry.status, Status::deleted);
}

TEST(Past, TheLastLineOfAFieldCountsThatIsTheOldest) {
  const auto was = taken_back(jane(), Changes{told("updated", "displayName", "Two", "Jane Döe"),
                                              told("updated", "displayName", "One", "Two")});
  EXPECT_EQ(was->entry.values.at(Attribute::display_name), "One");
}

TEST(Past, AddressesComeBackIntoTheirOrderAsTheyWereWritten) {
  const Address untrimmed{"smtp", " odd:one@contoso.test ", false, {}};
  const auto was = taken_back(
      jane(), Changes{told("updated", "addresses", format_address(untrimmed), std::nullopt),
                      told("updated", "addresses", "smtp:jane@contoso.test", std::nullopt),
                      told("updated", "addresses", "SMTP:a@contoso.test", std::nullopt),
                      told("updated", "addresses", std::nullopt, "SMTP:jane@contoso.test")});
  EXPECT_EQ(was->entry.addresses, (std::vector<Address>{{"smtp", "a@contoso.test", true, {}},
                                                        {"smtp", "jane@contoso.test", false, {}},
                                                        untrimmed,
                                                        {"x500", "/o=c/cn=jane", false, {}}}));
}

TEST(Past, PhonesComeBackAsTheyWereRead) {
  PastChange line = told("updated", "phones", "business:4711", std::nullopt);
  line.former_phones = {{"business", "4711", "", "4711", "ad", PhoneKind::internal},
                        {"business", "089 1", "", "", "ad", PhoneKind::national}};
  const auto was =
      taken_back(jane(), Changes{told("updated", "phones", std::nullopt, "business:089 1"), line});
  EXPECT_EQ(was->entry.phones,
            (std::vector<Phone>{{"business", "4711", "", "4711", "", PhoneKind::internal},
                                {"business", "089 1", "", "", "", PhoneKind::national}}));
}

TEST(Past, MembershipsLabelsAndForwards) {
  PastChange merged = told("merged", "id", "jane", "other");
  merged.former_status = Status::disabled;
  EntryState now = jane();
  now.entry.status = Status::deleted;
  now.forward_to = "other";
  now.member_labels = {"VIP"};
  const auto was =
      taken_back(now, Changes{told("updated", "groups", std::nullopt, "staff"),
                              told("updated", "groups", "board", std::nullopt),
                              told("updated", "memberLabels", std::nullopt, "VIP"), merged});
  EXPECT_EQ(was->groups, std::set<std::string>{"board"});
  EXPECT_TRUE(was->member_labels.empty());
  EXPECT_EQ(was->forward_to, "");
  EXPECT_EQ(was->entry.status, Status::disabled);

  const auto before = taken_back(*was, Changes{told("restored", "id", "third", "jane"),
                                               told("restored", "status", "deleted", "disabled")});
  EXPECT_EQ(before->forward_to, "third");
  EXPECT_EQ(before->entry.status, Status::deleted);
}

// --- whatever is seen is told
// ---------------------------------------------------------------------

using Texts = std::vector<std::string>;

Texts told_of_phones(const std::vector<Phone>& before, const std::vector<Phone>& now) {
  Entry one;
  one.phones = before;
  Entry other;
  other.phones = now;
  Texts texts;
  for (const FieldChange& change : reconcile::differences(one, other))
    texts.push_back(change.field + ": " + change.old_value.value_or("-") + " > " +
                    change.new_value.value_or("-"));
  return texts;
}

TEST(Differences, TellOfPhonesWhateverAConsumerSees) {
  const Phone first{"business", "4711", "", "4711", "ad", PhoneKind::internal};
  const Phone second{"business", "089 1", "+49891", "", "ad", PhoneKind::international};
  Phone elsewhere = first;
  elsewhere.connector = "entra";
  EXPECT_EQ(told_of_phones({first, second}, {elsewhere, second}), Texts{});
  EXPECT_EQ(told_of_phones({first, second}, {second, first}),
            Texts{"phones: business:4711, business:089 1 > business:089 1, business:4711"});
  Phone national = first;
  national.kind = PhoneKind::national;
  national.extension.clear();
  EXPECT_EQ(told_of_phones({first}, {national}),
            Texts{"phones: business:4711 (internal ext. 4711) > business:4711"});
  Phone extended = second;
  extended.extension = "12";
  EXPECT_EQ(told_of_phones({second, first}, {first, extended}),
            Texts{"phones: business:089 1 (+49891) > business:089 1 (+49891 ext. 12)"});
}

}  // namespace
}  // namespace gald::model
