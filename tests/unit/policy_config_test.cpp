// The sections of the configuration that become the policy.
#include <gtest/gtest.h>

#include "config.hpp"
#include "one_cycle.hpp"

namespace gald::daemon {

namespace {

using model::Attribute;
using reconcile::FieldRule;
using reconcile::Transform;
using Lines = std::vector<std::string>;

/// Three connectors, so that what is tested begins in line 2.
constexpr const char* kConnectors = R"(
[connector.ad]
type = "active-directory"
url = "ldaps://dc1.contoso.test"
bind_name = "svc-gald@contoso.test"
password_file = "ad-password"
[connector.entra]
type = "entra"
tenant = "contoso.test"
managed_identity = true
[connector.exchange]
type = "exchange-online"
tenant = "contoso.test"
managed_identity = true
)";

ParsedConfig parse(const std::string& text) {
  return parse_config("\n" + text + kConnectors, "gald.toml");
}

reconcile::Policy policy_of(const std::string& text) {
  const ParsedConfig parsed = parse(text);
  EXPECT_EQ(parsed.errors, Lines());
  return parsed.config.policy;
}

std::string error_of(const std::string& text) {
  const ParsedConfig parsed = parse(text);
  EXPECT_EQ(parsed.errors.size(), 1u);
  return parsed.errors.empty() ? std::string() : parsed.errors.front();
}

std::vector<FieldRule> mapping_of(const std::string& line, const std::string& connector = "ad") {
  return policy_of("[connector." + connector + ".mapping]\n" + line + "\n")
      .connectors[connector]
      .mapping;
}

std::string mapping_error(const std::string& line, const std::string& connector = "ad") {
  return error_of("[connector." + connector + ".mapping]\n" + line + "\n");
}

}  // namespace

TEST(PolicyConfig, IsTheDefaultPolicyWithoutASectionOfIts) {
  EXPECT_EQ(policy_of(""), reconcile::Policy());
  EXPECT_EQ(parse("").config.keep_deleted, std::chrono::days(90));
  EXPECT_EQ(parse("").config.keep_history, std::chrono::days(400));
}

TEST(PolicyConfig, StatusVisibilityAndRetention) {
  const reconcile::Policy policy =
      policy_of("[policy]\ndisabled_account = \"remove\"\nhidden_if_unknown = \"hidden\"\n");
  EXPECT_EQ(policy.disabled_account, reconcile::DisabledAccount::remove);
  EXPECT_EQ(policy.hidden_if_unknown, true);
  EXPECT_EQ(policy_of("[policy]\nhidden_if_unknown = \"visible\"\n").hidden_if_unknown, false);
  EXPECT_EQ(parse("[retention]\ndeleted = \"30d\"\n").config.keep_deleted, std::chrono::days(30));
  EXPECT_EQ(error_of("[retention]\ndeleted = \"0d\"\n"),
            "gald.toml:3: retention.deleted: must be between 1d and 3650d, found 0d");
  EXPECT_EQ(parse("[retention]\nhistory = \"30d\"\n").config.keep_history, std::chrono::days(30));
  EXPECT_EQ(error_of("[retention]\nhistory = \"3651d\"\n"),
            "gald.toml:3: retention.history: must be between 1d and 3650d, found 3651d");
  EXPECT_EQ(error_of("[policy]\ndisabled_account = \"delete\"\n"),
            "gald.toml:3: policy.disabled_account: expected one of \"mark\", \"remove\", found "
            "\"delete\"");
}

TEST(PolicyConfig, GoesToTheCycle) {
  const Config config =
      parse("[retention]\ndeleted = \"30d\"\nhistory = \"60d\"\n[labels]\nVIP = [\"VIP\"]\n")
          .config;
  const sync::CycleOptions options = cycle_options(config);
  EXPECT_EQ(options.policy, config.policy);
  EXPECT_EQ(options.policy.labels.size(), 1u);
  EXPECT_EQ(options.keep_deleted, std::chrono::days(30));
  EXPECT_EQ(options.keep_history, std::chrono::days(60));
}

TEST(PolicyConfig, PrecedenceOfAllAndOfOne) {
  const reconcile::Policy policy = policy_of(
      "[precedence]\nall = [\"entra\", \"ad\"]\nmobilePhone = [\"exchange\"]\n"
      "proxyAddresses = [\"ad\"]\nhidden = [\"exchange\"]\nmanager = [\"entra\"]\n");
  EXPECT_EQ(policy.precedence, (Lines{"entra", "ad"}));
  const std::map<Attribute, Lines> expected = {{Attribute::mobile_phone, {"exchange"}},
                                               {Attribute::proxy_addresses, {"ad"}},
                                               {Attribute::hidden, {"exchange"}},
                                               {Attribute::manager, {"entra"}}};
  EXPECT_EQ(policy.precedence_of, expected);
}

TEST(PolicyConfig, WrongPrecedencesAreErrors) {
  const auto error = [](const std::string& line) {
    return error_of("[precedence]\n" + line + "\n");
  };
  const std::string at = "gald.toml:3: precedence.";
  EXPECT_EQ(error("departmnt = [\"ad\"]"),
            at + "departmnt: unknown attribute (did you mean department?)");
  EXPECT_EQ(error("department = [\"entre\"]"),
            at + "department: there is no connector \"entre\" (did you mean entra?)");
  EXPECT_EQ(error("all = [\"nobody-at-all\"]"),
            at + "all: there is no connector \"nobody-at-all\"");
  EXPECT_EQ(error("department = \"ad\""),
            at + "department: expected a list in brackets of connectors, found \"ad\"");
  EXPECT_EQ(error("department = []"),
            at + "department: expected a list in brackets of connectors, found an empty list");
  EXPECT_EQ(error("department = [\"ad\", 3]"),
            at + "department: expected a list in brackets of connectors, found 3 in it");
  EXPECT_EQ(error("department = [\"ad\", \"ad\"]"), at + "department: names \"ad\" twice");
  EXPECT_EQ(error("accountEnabled = [\"ad\"]"),
            at + "accountEnabled: has no precedence of its own: it is not published, or belongs to "
                 "a list");
  EXPECT_EQ(error("otherBusinessPhones = [\"ad\"]"),
            at + "otherBusinessPhones: has no precedence of its own: it is not published, or "
                 "belongs to a list");
}

TEST(PolicyConfig, ShapesOfAMapping) {
  using A = Attribute;
  using T = Transform;
  EXPECT_EQ(mapping_of("department = \"extensionAttribute3\""),
            (std::vector<FieldRule>{{A::department, A::extension_attribute_3, {}, {}}}));
  EXPECT_EQ(mapping_of("notes = { ignore = true }"),
            (std::vector<FieldRule>{{A::notes, {}, {}, {}}}));
  EXPECT_EQ(mapping_of("companyName = { constant = \"Contoso\" }"),
            (std::vector<FieldRule>{{A::company_name, {}, "Contoso", {}}}));
  EXPECT_EQ(mapping_of("city = { from = \"officeLocation\", transform = [\"trim\", \"upper\"] }"),
            (std::vector<FieldRule>{{A::city, A::office_location, {}, {T::trim, T::upper}}}));
  EXPECT_EQ(mapping_of("surname = { transform = [\"collapse_spaces\", \"lower\"] }"),
            (std::vector<FieldRule>{{A::surname, A::surname, {}, {T::collapse_spaces, T::lower}}}));
  EXPECT_EQ(
      mapping_of("city = \"officeLocation\"\nhidden = { constant = \"true\" }", "entra"),
      (std::vector<FieldRule>{{A::city, A::office_location, {}, {}}, {A::hidden, {}, "true", {}}}));
}

TEST(PolicyConfig, WrongMappingsAreErrors) {
  const std::string at = "gald.toml:3: connector.ad.mapping.";
  EXPECT_EQ(mapping_error("departmnt = \"notes\""),
            at + "departmnt: unknown attribute (did you mean department?)");
  EXPECT_EQ(mapping_error("accountEnabled = { constant = \"true\" }"),
            at + "accountEnabled: cannot be mapped: it is not published, or something else is "
                 "decided by it");
  EXPECT_EQ(mapping_error("manager = \"notes\""),
            at + "manager: cannot be mapped: it is not published, or something else is decided by "
                 "it");
  EXPECT_EQ(mapping_error("department = \"extensionAttribut3\""),
            at + "department: unknown attribute \"extensionAttribut3\" (did you mean "
                 "extensionAttribute3?)");
  EXPECT_EQ(mapping_error("department = \"accountEnabled\""),
            at + "department: no value can be taken from accountEnabled");
  EXPECT_EQ(mapping_error("department = \"description\"", "exchange"),
            "gald.toml:3: connector.exchange.mapping.department: a connector of type "
            "exchange-online does not read description");
  EXPECT_EQ(mapping_error("department = 3"),
            at + "department: expected the name of an attribute in quotes, or { from, constant, "
                 "ignore, transform }, found 3");
  const Lines form = parse("[connector.ad.mapping]\ndepartment = { form = \"notes\" }\n").errors;
  EXPECT_EQ(form.front(), at + "department.form: unknown key (did you mean from?)");
  EXPECT_EQ(mapping_error("department = { ignore = true, constant = \"x\" }"),
            at + "department.ignore: only one of from, constant and ignore, and there is constant "
                 "already");
  EXPECT_EQ(mapping_error("department = { ignore = false }"),
            at + "department.ignore: expected true, found false");
  EXPECT_EQ(mapping_error("department = { constant = \" \" }"),
            at + "department.constant: must not be empty");
  EXPECT_EQ(mapping_error("department = { constant = true }"),
            at + "department.constant: expected a text in quotes, found true");
  EXPECT_EQ(mapping_error("hidden = { constant = \"yes\" }"),
            at + "hidden.constant: expected \"true\" or \"false\", found \"yes\"");
  EXPECT_EQ(mapping_error("department = { constant = \"x\", transform = [\"trim\"] }"),
            at + "department.transform: has no meaning with constant");
  EXPECT_EQ(mapping_error("department = { transform = [\"uper\"] }"),
            at + "department.transform: unknown transformation \"uper\" (did you mean upper?)");
  EXPECT_EQ(mapping_error("department = { transform = \"trim\" }"),
            at + "department.transform: expected a list in brackets of trim, collapse_spaces, "
                 "lower, upper, found \"trim\"");
  EXPECT_EQ(mapping_error("department = {}"),
            at + "department: expected one of from, constant, ignore and transform in it");
}

TEST(PolicyConfig, AMappingIsASection) {
  const std::string text = std::string(kConnectors) + "mapping = 3\n";
  EXPECT_EQ(parse_config(text, "gald.toml").errors,
            Lines{"gald.toml:15: connector.exchange.mapping: expected a section "
                  "[connector.exchange.mapping], found 3"});
}

TEST(PolicyConfig, ARegionIsTheCodeOfACountry) {
  const auto with_region = [](const std::string& value) {
    return parse_config(
        "[connector.entra]\ntype = \"entra\"\ntenant = \"contoso.test\"\n"
        "managed_identity = true\nregion = \"" +
            value + "\"\n",
        "gald.toml");
  };
  EXPECT_EQ(with_region("DE").config.policy.connectors.at("entra").region, "DE");
  const std::string expected =
      "gald.toml:5: connector.entra.region: expected the code of a country such as \"DE\", found ";
  EXPECT_EQ(with_region("XX").errors, Lines{expected + "\"XX\""});
  EXPECT_EQ(with_region("Bavaria").errors, Lines{expected + "\"Bavaria\""});
  EXPECT_EQ(with_region("Österreich").errors,
            Lines{expected + "\"Österreich\" (did you mean AT?)"});
  EXPECT_EQ(with_region("gb").errors, Lines{expected + "\"gb\" (did you mean GB?)"});
  EXPECT_EQ(with_region("UK").errors, Lines{expected + "\"UK\" (did you mean GB?)"});
}

TEST(PolicyConfig, Labels) {
  const reconcile::Policy policy = policy_of(
      "[labels]\nVIP = [\"vip@contoso.test\", \"VIP customers\"]\n\"Field staff\" = [\"Field\"]\n");
  const std::map<std::string, Lines> expected = {{"VIP", {"vip@contoso.test", "VIP customers"}},
                                                 {"Field staff", {"Field"}}};
  EXPECT_EQ(policy.labels, expected);
  EXPECT_EQ(error_of("[labels]\nVIP = \"vip@contoso.test\"\n"),
            "gald.toml:3: labels.VIP: expected a list in brackets of groups, by address or display "
            "name, found \"vip@contoso.test\"");
  EXPECT_EQ(error_of("[labels]\n\" \" = [\"x\"]\n"),
            "gald.toml:3: labels: a label must not be empty");
}

TEST(PolicyConfig, WhoIsToldFirstOfSeveral) {
  const auto lookup = [](const std::string& text) {
    const ParsedConfig parsed = parse(text);
    EXPECT_EQ(parsed.errors, Lines());
    return parsed.config.lookup;
  };
  EXPECT_EQ(lookup("").prefer, Lines());
  EXPECT_EQ(lookup("[lookup]\nprefer = [\"ad\", \"hybrid\", \"exchange\"]\n").prefer,
            (Lines{"ad", "hybrid", "exchange"}));
  const std::string at = "gald.toml:3: lookup.prefer: ";
  for (const auto& [value, error] : std::vector<std::pair<std::string, std::string>>{
           {"[\"on-premises\"]",
            "there is no source and no connector \"on-premises\" (did you mean on_premises?)"},
           {"[\"ad\", \"exchang\"]",
            "there is no source and no connector \"exchang\" (did you mean exchange?)"},
           {"[\"ad\", \"cloud\", \"ad\"]", "names \"ad\" twice"},
           {"\"ad\"", "expected a list in brackets, each element a text in quotes, found \"ad\""},
           {"[]",
            "expected a list in brackets, each element a text in quotes, found an empty list"},
           {"[1]", "expected a list in brackets, each element a text in quotes, found 1 in it"},
           {"[\"\"]", "must not be empty"}})
    EXPECT_EQ(error_of("[lookup]\nprefer = " + value + "\n"), at + error);
}

TEST(PolicyConfig, WhereANumberIsDialled) {
  EXPECT_EQ(parse("").config.lookup.regions, Lines());
  const std::string connectors =
      std::string(kConnectors) + "region = \"DE\"\n[connector.other]\ntype = \"entra\"\n" +
      "tenant = \"fabrikam.test\"\nmanaged_identity = true\nregion = \"AT\"\n" +
      "[connector.third]\ntype = \"entra\"\n" +
      "tenant = \"third.test\"\nmanaged_identity = true\nregion = \"DE\"\n";
  EXPECT_EQ(parse_config(connectors, "gald.toml").config.lookup.regions, (Lines{"DE", "AT"}));
  EXPECT_EQ(
      parse_config("[lookup]\nregion = \"CH\"\n" + connectors, "gald.toml").config.lookup.regions,
      Lines{"CH"});
  EXPECT_EQ(error_of("[lookup]\nregion = \"Germany\"\n"),
            "gald.toml:3: lookup.region: expected the code of a country such as \"DE\", found "
            "\"Germany\" (did you mean DE?)");
}

}  // namespace gald::daemon
