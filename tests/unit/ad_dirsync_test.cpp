#include <gtest/gtest.h>

#include "ad/dirsync.hpp"
#include "ad/ldap.hpp"
#include "ad/watermark.hpp"

namespace gald::ad {
namespace {

using namespace std::string_literals;

TEST(AdDirSync, FlagsAreFourSignedBytes) {
  // what Windows takes; five bytes with a leading zero it does not
  const Control control =
      dirsync_control(dirsync_flag::kIncrementalValues | dirsync_flag::kAncestorsFirst, "");
  EXPECT_EQ(control.oid, "1.2.840.113556.1.4.841");
  EXPECT_TRUE(control.critical);
  EXPECT_EQ(control.value, "\x30\x0d\x02\x04\x80\x00\x08\x00\x02\x03\x10\x00\x00\x04\x00"s);
}

TEST(AdDirSync, LongCookies) {
  const std::string cookie(300, 'c');
  const std::string value = dirsync_control(0, cookie).value;
  EXPECT_EQ(value.substr(0, 4), "\x30\x82\x01\x38"s);
  EXPECT_EQ(value.substr(4, 3), "\x02\x01\x00"s);
  EXPECT_EQ(value.substr(12, 4), "\x04\x82\x01\x2c"s);
  EXPECT_TRUE(value.ends_with(cookie));
}

TEST(AdDirSync, ExtendedDnAsksForText) {
  EXPECT_EQ(extended_dn_control().value, "\x30\x03\x02\x01\x01"s);
}

TEST(AdDirSync, Answers) {
  const auto last = parse_dirsync_value("\x30\x0a\x02\x01\x00\x02\x01\x00\x04\x02xy"s);
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->more);
  EXPECT_EQ(last->cookie, "xy");

  const auto more = parse_dirsync_value("\x30\x81\x0a\x02\x01\x01\x02\x01\x00\x04\x02xy"s);
  ASSERT_TRUE(more);
  EXPECT_TRUE(more->more);
}

TEST(AdDirSync, BrokenAnswers) {
  const std::string good = "\x30\x0a\x02\x01\x00\x02\x01\x00\x04\x02xy"s;
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_dirsync_value(good.substr(0, size))) << size;
  EXPECT_FALSE(parse_dirsync_value("\x30\x08\x02\x01\x00\x02\x01\x00\x04\x00"s)) << "no cookie";
  EXPECT_FALSE(parse_dirsync_value("\x30\x84\xff\xff\xff\xff\x02"s));
  EXPECT_FALSE(parse_dirsync_value("\x30\x80\x02\x01\x00"s));
  EXPECT_FALSE(parse_dirsync_answer({}));
}

TEST(AdWatermark, Survives) {
  Watermark watermark;
  watermark.flags = 0x80000801;
  watermark.saw_deletions = true;
  watermark.committed_usn = 18446744073709551615u;
  watermark.server_time = std::chrono::sys_seconds(std::chrono::seconds(1795241174));
  watermark.complete_at = std::chrono::sys_seconds(std::chrono::seconds(1795000000));
  watermark.cookie = std::string("\x00 MSDS\n\xff", 8);
  EXPECT_EQ(parse_watermark(to_text(watermark)), watermark);

  watermark.way = Way::polling;
  watermark.flags = 0;
  watermark.cookie.clear();
  EXPECT_EQ(parse_watermark(to_text(watermark)), watermark);
}

TEST(AdWatermark, OthersAreNotRead) {
  for (const char* text :
       {"", "dirsync2", "dirsync2 1 1 1 1 1", "dirsync2 1 1 1 1 1 ", "dirsync2 1 1 1 1 1 ====x",
        "dirsync1 1 1 1 1 QUJD", "dirsync2 x 1 1 1 1 QUJD", "dirsync2 1 2 1 1 1 QUJD",
        "dirsync2 1 1 -1 1 1 QUJD", "dirsync2 4294967296 1 1 1 1 QUJD",
        "dirsync2 1 1 1 1 1 QUJD more", "polling1 0 1 1 1", "polling1 0 1 1 1 1 QUJD",
        "polling1 0 1 1 1 ", "https://graph.microsoft.com/v1.0/users/delta"})
    EXPECT_FALSE(parse_watermark(text)) << text;
  EXPECT_TRUE(parse_watermark("dirsync2 1 1 1 1 1 QUJD"));
  EXPECT_TRUE(parse_watermark("polling1 0 1 1 1 1"));
}

TEST(AdDirSync, GeneralizedTime) {
  const auto time = parse_generalized_time("20261121053000.0Z");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->time_since_epoch().count(), 1795239000);
  for (const char* text : {"", "20261121053000.0", "2026112105Z", "20261321053000.0Z",
                           "20260230053000.0Z", "20261121253000.0Z", "2026-11-21T05:30Z"})
    EXPECT_FALSE(parse_generalized_time(text)) << text;
}

TEST(AdLdap, RefusedBindsInWords) {
  const auto explain = [](const std::string& code) {
    return explain_bind_refusal(
        "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data " + code +
        ", v3839");
  };
  EXPECT_EQ(explain("52e"), "wrong name or password (data 52e)");
  EXPECT_EQ(explain("525"), "wrong name or password (data 525)");
  EXPECT_EQ(explain("532"), "the password has expired (data 532)");
  EXPECT_EQ(explain("533"), "the account is disabled (data 533)");
  EXPECT_EQ(explain("701"), "the account has expired (data 701)");
  EXPECT_EQ(explain("773"), "the password must be changed first (data 773)");
  EXPECT_EQ(explain("775"), "the account is locked (data 775)");
  EXPECT_EQ(explain("999"), "wrong name or password (data 999)");
  EXPECT_EQ(explain_bind_refusal(""), "wrong name or password");
}

TEST(AdLdap, RefusesBeforeAnythingIsSent) {
  const auto open = [](const char* url, const char* password, Security security = Security::ldaps) {
    const auto connection =
        LdapConnection::open({.url = url, .security = security, .ca_file = {}},
                             SimpleLogin{"svc@contoso.test", base::Secret(password)}, {});
    return connection ? "connected" : connection.error().what;
  };
  EXPECT_NE(open("ldap://dc1", "x").find("expected ldaps://"), std::string::npos);
  EXPECT_NE(open("ldap://dc1", "x", Security::gssapi).find("clear text"), std::string::npos);
  EXPECT_NE(open("dc1.contoso.test", "x").find("expected ldaps://"), std::string::npos);
  EXPECT_NE(open("ldapi://%2ftmp", "x").find("expected ldaps://"), std::string::npos);
  EXPECT_NE(open("ldaps://127.0.0.1", "").find("anonymous"), std::string::npos);
}

}  // namespace
}  // namespace gald::ad
