// The known traps of Exchange Online's admin API, against the tenant simulator.
#include "tenant.hpp"

namespace gald::contract {
namespace {

using namespace std::chrono_literals;
using model::Outcome;

class ExchangeTrap : public TrapTest {
 protected:
  std::unique_ptr<sync::Connector> exchange() const {
    cloud::ServiceOptions options = tenant_.exchange_options();
    options.complete_every = 24h;
    return std::make_unique<cloud::ExchangeConnector>(std::move(options), clock());
  }

  Gald with_exchange() const {
    Gald gald(clock());
    gald.add(exchange());
    return gald;
  }

  static json mail_contact(int number) {
    const std::string mail = "mc" + std::to_string(number) + "@fabrikam.test";
    return {{"Guid", guid(4, number)},
            {"DisplayName", numbered("Contact", number)},
            {"ExternalEmailAddress", "SMTP:" + mail},
            {"PrimarySmtpAddress", mail}};
  }

  int answered(const std::string& part, int status) const {
    const auto rows = tenant_.requests("exchange", part);
    return static_cast<int>(std::count_if(
        rows.begin(), rows.end(), [&](const json& row) { return row.at("status") == status; }));
  }

  int run(const std::string& cmdlet) const {
    const auto rows = tenant_.requests("exchange");
    return static_cast<int>(std::count_if(
        rows.begin(), rows.end(), [&](const json& row) { return row.at("cmdlet") == cmdlet; }));
  }

  void populate_exchange(int contacts) {
    json world = {{"mailcontacts", json::array()}};
    for (int i = 1; i <= contacts; ++i)
      world["mailcontacts"].push_back(mail_contact(i));
    tenant_.post("/bulk", world);
  }

  /// Everything is listed anew by then.
  void wait_for_a_complete_listing() { clock().advance(25h); }

  static void expect_contacts(const Gald& gald, int contacts) {
    EXPECT_EQ(gald.count("contacts WHERE kind = 'contact' AND status = 'active'"), contacts);
    EXPECT_EQ(gald.count("(SELECT DISTINCT display_name FROM contacts)"), contacts);
    EXPECT_EQ(gald.count("contacts"), contacts);
    EXPECT_EQ(gald.count("quarantined"), 0);
  }
};

TEST_F(ExchangeTrap, NextlinksArePostedWithTheSameBody) {
  tenant_.settings({{"exchange_page_size", 10}});
  populate_exchange(45);
  Gald gald = with_exchange();
  expect_complete(gald.cycle());
  expect_contacts(gald, 45);
  EXPECT_GE(tenant_.requests("exchange", "$skiptoken").size(), 4u);
  for (const json& row : tenant_.requests("exchange")) {
    EXPECT_EQ(row.at("method"), "POST") << row;
    EXPECT_EQ(row.at("status"), 200) << row;
  }
}

TEST_F(ExchangeTrap, NextlinksDieWithinMinutes) {
  tenant_.settings({{"exchange_page_size", 10}, {"exchange_link_lifetime", 300}});
  populate_exchange(45);
  tenant_.fault({{"service", "exchange"},
                 {"path", "$skiptoken"},
                 {"skip", 1},
                 {"status", 429},
                 {"headers", {{"Retry-After", "400"}}}});
  Gald gald = with_exchange();
  const auto report = gald.cycle();
  expect_complete(report);
  EXPECT_EQ(answered("$skiptoken", 429), 1);
  EXPECT_EQ(answered("$skiptoken", 400), 1) << "the link outlived the pause";
  EXPECT_GE(of(report, "mailcontacts").waited, 400s);
  expect_contacts(gald, 45);
}

TEST_F(ExchangeTrap, APageThatCannotBeReadEndsTheListingAndDeletesNobody) {
  tenant_.settings({{"exchange_page_size", 10}});
  populate_exchange(45);
  Gald gald = with_exchange();
  expect_complete(gald.cycle());
  expect_contacts(gald, 45);

  wait_for_a_complete_listing();
  tenant_.forget_requests();
  tenant_.fault({{"service", "exchange"},
                 {"path", "$skiptoken"},
                 {"times", -1},
                 {"status", 400},
                 {"body", {{"error", {{"code", "BadRequest"}, {"message", "no such page"}}}}}});
  const auto broken = gald.cycle();
  EXPECT_NE(broken.outcome, Outcome::complete) << told(broken);
  EXPECT_FALSE(of(broken, "mailcontacts").complete);
  EXPECT_GE(answered("$skiptoken", 400), 1);
  EXPECT_LE(answered("$skiptoken", 400), 2);
  expect_contacts(gald, 45);

  tenant_.remove("/faults");
  expect_complete(gald.cycle());
  expect_contacts(gald, 45);
}

TEST_F(ExchangeTrap, AnEmptyIdentityListsEverything) {
  // Groups of every sort: known to Entra or not, dynamic or not, without members, without names.
  populate_exchange(6);
  json world = {{"distributiongroups", json::array()}};
  const auto add = [&](int number, const char* name, const json& more, const json& members) {
    json made = {{"Guid", guid(5, number)}, {"DisplayName", name}, {"members", members}};
    made["PrimarySmtpAddress"] = "list" + std::to_string(number) + "@contoso.test";
    made.update(more);
    world["distributiongroups"].push_back(made);
  };
  const auto contacts = [](std::vector<int> numbers) {
    json members = json::array();
    for (const int number : numbers)
      members.push_back({{"Guid", guid(4, number)}});
    return members;
  };
  add(1, "Known to Entra", {{"ExternalDirectoryObjectId", group_id(1)}}, contacts({1, 2}));
  add(2, "Not yet", {{"ExternalDirectoryObjectId", ""}}, contacts({3}));
  add(3, "Empty", {{"ExternalDirectoryObjectId", ""}}, json::array());
  add(4, "Dynamic", {{"Dynamic", true}}, contacts({4, 5}));
  tenant_.post("/bulk", world);

  Gald gald = with_exchange();
  expect_complete(gald.cycle());
  EXPECT_GE(run("Get-DistributionGroupMember"), 1);
  EXPECT_GE(run("Get-DynamicDistributionGroupMember"), 1);
  EXPECT_EQ(gald.memberships(),
            (std::set<std::string>{"Not yet > Contact 000003", "Dynamic > Contact 000004",
                                   "Dynamic > Contact 000005"}));
  EXPECT_EQ(gald.count("groups WHERE status = 'active'"), 4);
  // What a changed group brings along is asked for by its name, too.
  clock().advance(1h);
  world["distributiongroups"] = json::array();
  add(2, "Not yet", json::object(), contacts({3, 6}));
  tenant_.post("/bulk", world);
  expect_complete(gald.cycle());
  EXPECT_TRUE(gald.memberships().contains("Not yet > Contact 000006"));
}

TEST_F(ExchangeTrap, MailboxesTellWhichDisabledAccountsAreMeantToBe) {
  const auto account = [](int number) {
    json made = user(number);
    made["accountEnabled"] = false;
    return made;
  };
  const auto mailbox = [](int number, const char* type, bool hidden) {
    return json{{"Guid", guid(6, number)},
                {"ExternalDirectoryObjectId", user_id(number)},
                {"DisplayName", numbered("Mailbox", number)},
                {"RecipientTypeDetails", type},
                {"HiddenFromAddressListsEnabled", hidden}};
  };
  const json everybody = {
      {"Guid", guid(5, 1)},
      {"DisplayName", "Everybody"},
      {"Dynamic", true},
      {"members", json::array({{{"Guid", guid(6, 1)}}, {{"Guid", guid(6, 3)}}})}};
  tenant_.post("/bulk", {{"users", json::array({account(1), account(2), account(3)})},
                         {"distributiongroups", json::array({everybody})}});
  const auto put = [&](const std::vector<json>& mailboxes) {
    tenant_.post("/bulk", {{"mailboxes", mailboxes}});
  };
  put({mailbox(1, "SharedMailbox", false), mailbox(2, "RoomMailbox", true),
       mailbox(3, "UserMailbox", false), mailbox(9, "SharedMailbox", false)});
  Gald gald(clock());
  gald.add(graph());
  gald.add(exchange());
  const auto hidden = [&] {
    std::set<std::string> names;
    for (const auto& row : gald.sql("SELECT display_name FROM contacts WHERE hidden"))
      names.insert(row[0]);
    return names;
  };
  const std::set<std::string> members = {"Everybody > User 000001", "Everybody > User 000003"};
  expect_complete(gald.cycle());
  EXPECT_EQ(gald.everybody(), (std::set<std::string>{"User 000001 active", "User 000002 active",
                                                     "User 000003 disabled"}));
  EXPECT_EQ(hidden(), std::set<std::string>{"User 000002"});
  EXPECT_EQ(gald.memberships(), members);

  // Somebody leaves, and the mailbox becomes a shared one.
  clock().advance(1h);
  put({mailbox(3, "SharedMailbox", false)});
  expect_complete(gald.cycle());
  EXPECT_TRUE(gald.everybody().contains("User 000003 active"));

  // Turned back it leaves the listing, which the next complete one shows. Two listings tell of the
  // same mailbox: neither takes away what the other said, nor writes anything again and again.
  put({mailbox(1, "UserMailbox", false)});
  for (int round = 0; round < 2; ++round) {
    wait_for_a_complete_listing();
    expect_complete(gald.cycle());
  }
  EXPECT_EQ(gald.everybody(), (std::set<std::string>{"User 000001 disabled", "User 000002 active",
                                                     "User 000003 active"}));
  EXPECT_EQ(gald.memberships(), members);
  wait_for_a_complete_listing();
  const auto quiet = gald.cycle();
  expect_complete(quiet);
  EXPECT_EQ(quiet.published.updated, 0);
  EXPECT_EQ(of(quiet, "mailboxes").staged.updated, 0);
  EXPECT_EQ(of(quiet, "distributiongroups").staged.updated, 0);

  // Exchange still has the mailbox of an account that is gone.
  tenant_.remove("/users/" + user_id(2));
  expect_complete(gald.cycle());
  EXPECT_TRUE(gald.everybody().contains("User 000002 deleted"));
  EXPECT_EQ(gald.count("contacts"), 3);
  const std::string mailbox_of_2 =
      "contact_records WHERE connector = 'exchange' AND anchor = '" + guid(6, 2) + "'";
  EXPECT_EQ(gald.count(mailbox_of_2), 0);
  tenant_.post("/users/" + user_id(2) + "/restore", json::object());
  expect_complete(gald.cycle());
  EXPECT_TRUE(gald.everybody().contains("User 000002 active"));
  EXPECT_EQ(gald.count(mailbox_of_2), 1);
}

TEST_F(ExchangeTrap, WithoutTheRightToSeeMailboxesTheOthersArePublished) {
  populate_exchange(3);
  tenant_.fault(
      {{"service", "exchange"}, {"cmdlet", "Get-Mailbox"}, {"status", 403}, {"times", -1}});
  Gald gald = with_exchange();
  const auto report = gald.cycle();
  EXPECT_EQ(report.outcome, Outcome::partial);
  EXPECT_TRUE(report.waiting_for.empty());
  EXPECT_NE(of(report, "mailboxes").remedy.find("View-Only Recipients"), std::string::npos);
  expect_contacts(gald, 3);
}

TEST_F(ExchangeTrap, A403HasAnEmptyBody) {
  populate_exchange(3);
  Gald gald = with_exchange();
  expect_complete(gald.cycle());
  for (const char* form : {"diagnostics", "nul"}) {
    SCOPED_TRACE(form);
    tenant_.settings({{"exchange_403", form}});
    tenant_.forget_requests();
    const auto refused = gald.cycle();
    EXPECT_NE(refused.outcome, Outcome::complete);
    EXPECT_GE(answered("InvokeCommand", 403), 1);
    const auto& contacts = of(refused, "mailcontacts");
    EXPECT_FALSE(contacts.complete);
    EXPECT_NE(contacts.error.find("The role assigned to application is not supported"),
              std::string::npos)
        << contacts.error;
    EXPECT_NE(contacts.error.find("request-id"), std::string::npos) << contacts.error;
    EXPECT_EQ(contacts.error.find('\0'), std::string::npos);
    EXPECT_NE(contacts.remedy.find("Exchange.ManageAsApp"), std::string::npos) << contacts.remedy;
    expect_contacts(gald, 3);
  }
  tenant_.settings({{"exchange_403", ""}});
  expect_complete(gald.cycle());
  expect_contacts(gald, 3);
}

TEST_F(ExchangeTrap, TooManyAtOnceIsASentenceWithAnyStatus) {
  tenant_.settings({{"exchange_page_size", 10}});
  populate_exchange(45);
  for (const int status : {429, 400, 503, 200}) {
    SCOPED_TRACE(status);
    tenant_.remove("/violations");
    tenant_.forget_requests();
    tenant_.fault({{"service", "exchange"},
                   {"skip", 2},
                   {"times", 3},
                   {"status", status},
                   {"body",
                    "You have reached the maximum number of concurrent requests per tenant. Please "
                    "wait and try again"}});
    Gald gald = with_exchange();
    expect_complete(gald.cycle());
    EXPECT_EQ(tenant_.faults_met("exchange"), 3);
    expect_contacts(gald, 45);
  }
}

}  // namespace
}  // namespace gald::contract
