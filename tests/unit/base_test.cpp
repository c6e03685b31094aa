#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

namespace gald::base {

TEST(Guid, TurnsBetweenTextAndTheByteOrderOfActiveDirectory) {
  const Guid guid = Guid::parse("EB2BF6C4-512D-447F-8AA0-CF2499F6980F").value();
  EXPECT_EQ(guid.text(), "eb2bf6c4-512d-447f-8aa0-cf2499f6980f");
  EXPECT_EQ(base64_encode(guid.ad_bytes()), "xPYr6y1Rf0SKoM8kmfaYDw==");
  EXPECT_EQ(Guid::from_ad_bytes(guid.ad_bytes()), guid);
}

TEST(Guid, RefusesWhatIsNone) {
  EXPECT_FALSE(Guid::parse(""));
  EXPECT_FALSE(Guid::parse("eb2bf6c4-512d-447f-8aa0-cf2499f6980"));
  EXPECT_FALSE(Guid::parse("eb2bf6c4-512d-447f-8aa0-cf2499f6980g"));
  EXPECT_FALSE(Guid::parse("eb2bf6c4_512d-447f-8aa0-cf2499f6980f"));
  EXPECT_FALSE(Guid::from_ad_bytes("too short"));
}

TEST(Guid, Version5AgreesWithTheExampleEverybodyUses) {
  // RFC 9562 appendix A.4: "www.example.com" in the DNS namespace.
  const Guid dns = Guid::parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8").value();
  EXPECT_EQ(Guid::from_name(dns, "www.example.com").text(), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(Base64, IsTheInverseOfItself) {
  for (const std::string& bytes : {std::string(), std::string("\0\n\xff", 3), std::string("abcd")})
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
  EXPECT_FALSE(base64_decode("abc"));
  EXPECT_FALSE(base64_decode("a*cd"));
}

TEST(Iso8601, WritesFixedWidthUtcAndReadsItBack) {
  const TimePoint time{std::chrono::milliseconds(1'700'000'000'007)};
  EXPECT_EQ(to_iso8601(time), "2023-11-14T22:13:20.007Z");
  EXPECT_EQ(parse_iso8601("2023-11-14T22:13:20.007Z"), time);
  EXPECT_EQ(parse_iso8601("2023-11-14T22:13:20Z"), time - std::chrono::milliseconds(7));
  EXPECT_EQ(parse_iso8601("2023-11-14T22:13:20.0070000Z"), time);
  EXPECT_FALSE(parse_iso8601("2023-11-14 22:13:20"));
  EXPECT_FALSE(parse_iso8601("2023-02-30T00:00:00Z"));
  EXPECT_EQ(parse_iso8601("2023-11-14T23:13:20.007+01:00"), time);
  EXPECT_EQ(parse_iso8601("2023-11-14T18:43:20.007-03:30"), time);
  for (const char* none :
       {"2023-11-14T22:13:20", "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+0100",
        "2023-11-14T22:13:20 01:00", "2023-11-14T-1:13:20Z", "2023-11-14", "+023-11-14T22:13:20Z",
        "2023-11-14T22:13:20Zz", ""})
    EXPECT_FALSE(parse_iso8601(none)) << none;
}

TEST(Log, OneEventIsOneLineWhateverIsInIt) {
  log::start(log::Level::info);
  testing::internal::CaptureStderr();
  log::error("test.code", "first\n2026-01-01 error forged: line\x1b[31m", {{"key", "a\x1b\n\"b"}});
  log::error("test.code", "Müller", {{"bell", "\a"}});
  const std::string text = testing::internal::GetCapturedStderr();
  log::start(log::Level::error);
  EXPECT_NE(
      text.find(" error test.code: first 2026-01-01 error forged: line [31m key=\"a  \\\"b\"\n"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find(" error test.code: Müller bell=\" \"\n"), std::string::npos) << text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
}

TEST(Log, WhatIsRecordedIsWrittenWhateverTheLevelIs) {
  log::start(log::Level::error);
  testing::internal::CaptureStderr();
  log::info("test.event", "an event");
  log::record("test.record", "a record", {{"who", "me"}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("test.event"), std::string::npos) << text;
  EXPECT_NE(text.find("Z info test.record: a record who=me\n"), std::string::npos) << text;
}

TEST(Utf8, TellsWellFormedFromBroken) {
  EXPECT_TRUE(is_valid_utf8("Müller 山田 🚀"));
  EXPECT_FALSE(is_valid_utf8("M\xfcller"));
  EXPECT_FALSE(is_valid_utf8("\xc0\xaf"));      // overlong
  EXPECT_FALSE(is_valid_utf8("\xed\xa0\x80"));  // a surrogate
  EXPECT_FALSE(is_valid_utf8("\xf0\x9f\x9a"));  // cut off
  EXPECT_FALSE(is_valid_utf8(std::string_view("a\0b", 3)));
}

TEST(PercentEncoding, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("a-b_c.d~e f&g=ü"), "a-b_c.d~e%20f%26g%3D%C3%BC");
}

}  // namespace gald::base
