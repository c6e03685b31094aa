#include <algorithm>
#include <stdexcept>

#include <gtest/gtest.h>

#include "cloud/exchange_command.hpp"

namespace gald::cloud {
namespace {

net::HttpRequest request(const Cmdlet& cmdlet) {
  return command_request("https://exchange.test", "contoso.test", cmdlet);
}

TEST(ExchangeCommand, TheRequestOfACmdlet) {
  const auto made = request({"Get-Contact",
                             {{"Filter", "Name -eq 'x \"y\"'"},
                              {"ResultSize", std::int64_t{7}},
                              {"RecipientTypeDetails", std::vector<std::string>{"A", "B"}},
                              {"IncludeSoftDeletedObjects", true}},
                             "Guid,Phone"});
  EXPECT_EQ(made.method, "POST");
  EXPECT_EQ(made.url,
            "https://exchange.test/adminapi/beta/contoso.test/InvokeCommand?$select=Guid,Phone");
  EXPECT_EQ(made.body,
            R"({"CmdletInput":{"CmdletName":"Get-Contact","Parameters":)"
            R"({"Filter":"Name -eq 'x \"y\"'","ResultSize":7,"RecipientTypeDetails":["A","B"],)"
            R"("IncludeSoftDeletedObjects":true}}})");
  const auto has = [&made](const std::string& name, const std::string& value) {
    return std::find(made.headers.begin(), made.headers.end(), std::pair(name, value)) !=
           made.headers.end();
  };
  EXPECT_TRUE(has("X-CmdletName", "Get-Contact"));
  EXPECT_TRUE(has("Prefer", "odata.maxpagesize=1000"));
  EXPECT_TRUE(has("X-AnchorMailbox",
                  "APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@contoso.test"));

  EXPECT_TRUE(request({"Get-Contact", {}, ""}).url.ends_with("/InvokeCommand"));
  EXPECT_EQ(request({"Get-Contact", {}, ""}).body,
            R"({"CmdletInput":{"CmdletName":"Get-Contact","Parameters":{}}})");
}

TEST(ExchangeCommand, AnIdentityThatNamesNothingIsNeverSent) {
  const std::vector<CmdletValue> nothings = {std::string(),
                                             std::string(" \t"),
                                             std::vector<std::string>(),
                                             std::vector<std::string>{"x", ""},
                                             false,
                                             true,
                                             std::int64_t{0}};
  for (const char* name : {"Identity", "identity"})
    for (const CmdletValue& nothing : nothings)
      EXPECT_THROW(request({"Get-DistributionGroupMember", {{name, nothing}}, ""}),
                   std::invalid_argument)
          << name << " " << nothing.index();
  EXPECT_NO_THROW(request({"Get-DistributionGroupMember", {{"Identity", "x"}}, ""}));
  EXPECT_NO_THROW(request({"Get-DistributionGroupMember", {{"Filter", ""}}, ""}));
}

TEST(ExchangeCommand, ANameThatIsNoCmdlet) {
  for (const char* name : {"", "Get", "-Contact", "Get-"})
    EXPECT_THROW(request({name, {}, ""}), std::invalid_argument) << name;
}

TEST(ExchangeCommand, TheVerbTellsWhatMayBeSentTwice) {
  for (const char* cmdlet : {"Get-Contact", "get-contact", "Test-X", "Search-X"})
    EXPECT_TRUE(is_replayable(cmdlet)) << cmdlet;
  for (const char* cmdlet : {"Set-Contact", "New-MailContact", "Remove-MailContact", "GetX-Y", ""})
    EXPECT_FALSE(is_replayable(cmdlet)) << cmdlet;
}

TEST(ExchangeCommand, LiteralsOfFilters) {
  EXPECT_EQ(opath_literal(""), "''");
  EXPECT_EQ(opath_literal("O'Brien 'x'"), "'O''Brien ''x'''");
}

TEST(ExchangeCommand, DatesInTheDocumentedForm) {
  const auto filter = [](const char* time) {
    return changed_after(base::parse_iso8601(time).value());
  };
  EXPECT_EQ(filter("2017-08-01T14:00:00Z"), "WhenChangedUTC -gt '8/1/2017 2:00:00 PM'");
  EXPECT_EQ(filter("2026-12-31T00:05:09.999Z"), "WhenChangedUTC -gt '12/31/2026 12:05:09 AM'");
  EXPECT_EQ(filter("2024-02-29T12:59:59Z"), "WhenChangedUTC -gt '2/29/2024 12:59:59 PM'");
  EXPECT_EQ(filter("2024-02-29T11:00:10Z"), "WhenChangedUTC -gt '2/29/2024 11:00:10 AM'");
}

net::HttpResponse response(int status, const std::string& body, net::Headers headers = {}) {
  net::HttpResponse made;
  made.status = status;
  made.body = body;
  made.headers = std::move(headers);
  return made;
}

TEST(ExchangeCommand, WhatPasses) {
  EXPECT_TRUE(is_crowded(response(
      200, "You have reached the maximum number of concurrent requests per tenant. Please wait")));
  EXPECT_TRUE(is_crowded(response(400, "Busy. Please wait and try again")));
  EXPECT_FALSE(is_crowded(response(200, R"({"value":[{"Notes":"Please wait and try again"}]})")));
  EXPECT_TRUE(is_passing(response(400, R"({"error":{"code":"ServerBusyException"}})")));
  EXPECT_TRUE(is_passing(response(400, "", {{"X-ExceptionType", "TransientException"}})));
  EXPECT_FALSE(is_passing(response(400, R"({"error":{"code":"BadRequest"}})")));
  EXPECT_FALSE(is_passing(response(404, R"({"error":{"code":"ServerBusyException"}})")));
}

TEST(ExchangeCommand, TheReasonMayStandInAHeader) {
  const auto asked = request({"Get-Contact", {}, ""});
  EXPECT_TRUE(with_diagnostics(asked, response(403, "", {{"x-ms-diagnostics", "no role"}}))
                  .ends_with("403; no role"));
  EXPECT_TRUE(with_diagnostics(asked, response(401, "", {{"WWW-Authenticate", "Bearer x"}}))
                  .ends_with("401; Bearer x"));
}

}  // namespace
}  // namespace gald::cloud
