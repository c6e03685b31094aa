#include "base/text.hpp"
#include "export/csv.hpp"
#include "export/text_lines.hpp"
#include "export/writer.hpp"
#include "export/xlsx_text.hpp"
#include "support.hpp"

namespace gald::exporting {

namespace {

using test::Attribute;

model::Contact jane() {
  model::Contact contact;
  contact.entry.id = "71392103-8d7e-5dd7-86ae-0f4e201ff3a9";
  contact.entry.kind = model::EntryKind::user;
  contact.entry.source = model::Source::hybrid;
  contact.entry.values = {{Attribute::display_name, "Doe, Jane; \"JD\""},
                          {Attribute::given_name, "Jane"},
                          {Attribute::surname, "Doe"},
                          {Attribute::company_name, "=cmd|' /C calc'!A0"},
                          {Attribute::department, "R&D; Lab"},
                          {Attribute::job_title, "Pilot"},
                          {Attribute::office_location, "3.14"},
                          {Attribute::notes, "one\r\ntwo\\"},
                          {Attribute::web_page, "https://contoso.test/a,b;c"},
                          {Attribute::street, "Hauptstr. 1\nHof"},
                          {Attribute::city, "München"},
                          {Attribute::hidden, "false"},
                          {Attribute::mail, "jane@contoso.test"}};
  contact.entry.addresses = {{"smtp", "Jane@contoso.test", true},
                             {"smtp", "jörg@bücher.test", false},
                             {"smtp", "jane@bücher.test", false},
                             {"sip", "jane@contoso.test", true},
                             {"x500", "/o=c/cn=jane;1", false}};
  contact.entry.phones = {
      {"business", "+49 89 1234 x5", "+49891234", "5", "", model::PhoneKind::international},
      {"business", "**610", "", "**610", "", model::PhoneKind::internal},
      {"mobile", "0171/1234567", "+491711234567", "", "", model::PhoneKind::international}};
  contact.groups = {{"g1", "Sales"}, {"g2", "R;D"}};
  contact.labels = {"VIP", "a,b"};
  contact.manager_id = "0d0e0f00-0000-5000-8000-000000000009";
  contact.changed_at = "2026-11-21T06:15:55.719Z";
  contact.change_number = 6;
  return contact;
}

template <typename Make>
std::string written(Make make, const std::vector<model::Contact>& contacts) {
  std::string text;
  const std::unique_ptr<Writer> writer = make([&](std::string_view bytes) { text += bytes; });
  for (const model::Contact& contact : contacts)
    writer->add(contact);
  EXPECT_TRUE(writer->finish({}).empty());
  return text;
}

std::string csv(const Columns& columns, const std::vector<model::Contact>& contacts) {
  return written([&](Sink sink) { return csv_writer(columns, std::move(sink)); }, contacts);
}

std::string vcard(VCardVersion version, const model::Contact& contact) {
  return written([&](Sink sink) { return vcard_writer(version, std::move(sink)); }, {contact});
}

std::string ldif(const model::Contact& contact) {
  return written([&](Sink sink) { return ldif_writer("ou=gal,dc=test", std::move(sink)); },
                 {contact});
}

// --- CSV -----------------------------------------------------------------------------------------

TEST(Csv, VisibleColumns) {
  EXPECT_EQ(csv(visible_columns(), {jane()}),
            "DisplayName,EmailAddress,FirstName,LastName,Company,JobTitle,BusinessPhone\r\n"
            "\"Doe, Jane; \"\"JD\"\"\",jane@contoso.test,Jane,Doe,'=cmd|' /C calc'!A0,Pilot,"
            "'+49 89 1234 x5\r\n");
}

TEST(Csv, AnEmptyRowIsARow) {
  EXPECT_EQ(csv({column_named("pager")}, {jane()}), "Pager\r\n\"\"\r\n");
}

TEST(Csv, SeveralValuesInOneColumn) {
  const auto value = [](const char* name) { return column_named(name)->value(jane()); };
  EXPECT_EQ(value("Addresses"),
            "SMTP:Jane@contoso.test; smtp:jörg@bücher.test; smtp:jane@bücher.test; "
            "SIP:jane@contoso.test; x500:/o=c/cn=jane\\;1");
  EXPECT_EQ(value("Groups"), "Sales; R\\;D");
  EXPECT_EQ(value("Labels"), "VIP; a,b");
  EXPECT_EQ(value("Phones"), "business:+49 89 1234 x5; business:**610; mobile:0171/1234567");
  EXPECT_EQ(value("PhonesE164"), "business:+49891234; mobile:+491711234567");
  EXPECT_EQ(value("Hidden"), "no");
  EXPECT_EQ(column_named("Fax"), nullptr);
}

TEST(Csv, EveryPublishedAttributeHasAColumn) {
  model::Contact contact;
  for (const Attribute attribute : model::published_attributes()) {
    if (attribute == Attribute::manager)
      continue;  // published as an id
    const std::string mark = "<" + std::string(model::name(attribute)) + ">";
    contact.entry.values = {{attribute, attribute == Attribute::hidden ? "true" : mark}};
    const std::string row = csv(all_columns(), {contact});
    EXPECT_NE(row.find(attribute == Attribute::hidden ? ",yes," : mark), std::string::npos) << mark;
  }
}

/// What docs/exports.md tells a program to do.
std::string restored(std::string cell) {
  if (cell.starts_with('\'') && neutral_cell(cell.substr(1)) != cell.substr(1))
    cell.erase(0, 1);
  return cell;
}

TEST(Csv, WhatASpreadsheetWouldCalculateIsNeutralizedAndRestored) {
  for (const char* value :
       {"=1+1", "+49 89 1", "-1",       "@SUM(A1)", "\t=1",     "\rx",     "\nx", "\tx",
        "  =1", "\u00A0=1", "\u200B+1", "\uFEFF@x", "＝1",      "＋1",     "－1", "＠1",
        "'=1",  "''-1",     "' @x",     "\x01=1",   "\u2066=1", "\u3000-x"}) {
    const std::string cell = neutral_cell(value);
    EXPECT_EQ(cell, "'" + std::string(value));
    EXPECT_EQ(restored(cell), value);
  }
  for (const char* value : {"", "Jane", "'t Hooft", "''", "a=b", "1-2", " Jane", "4711", "'Jane'",
                            "\U0001F600", "é", "\u200F\u05D0"}) {
    EXPECT_EQ(neutral_cell(value), value);
    EXPECT_EQ(restored(value), value);
  }
}

TEST(Csv, Quotes) {
  EXPECT_EQ(quoted_cell("a b"), "a b");
  EXPECT_EQ(quoted_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(quoted_cell("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quoted_cell("a\nb"), "\"a\nb\"");
  EXPECT_EQ(quoted_cell(" a"), "\" a\"");
  EXPECT_EQ(quoted_cell("a;b"), "\"a;b\"");
  EXPECT_EQ(quoted_cell("a\t=1+1"), "\"a\t=1+1\"");
  EXPECT_EQ(quoted_cell("a "), "\"a \"");
}

// --- XLSX ----------------------------------------------------------------------------------------

TEST(Xlsx, CellsHoldWhatXmlCan) {
  EXPECT_EQ(cell_text("=1+1").text, "=1+1") << "a text cell is no formula";
  EXPECT_EQ(cell_text("a\x01\x1F"
                      "b\tc\r\nd\re")
                .text,
            "ab\tc\nd\ne");
  EXPECT_EQ(cell_text("a\uFFFE\uFFFF").text, "a");
  EXPECT_EQ(cell_text("_x0041_ _x41_ _xZZZZ_").text, "_x005F_x0041_ _x41_ _xZZZZ_");
}

TEST(Xlsx, CellsAreCutAtExcelsLimit) {
  const std::string fits(kLongestCell, 'a');
  EXPECT_EQ(cell_text(fits).text, fits);
  EXPECT_FALSE(cell_text(fits).cut);
  const CellText cut = cell_text(fits + "b");
  EXPECT_TRUE(cut.cut);
  EXPECT_EQ(cut.text, fits.substr(1) + "…");
  std::string smileys;
  for (std::size_t i = 0; i < kLongestCell / 2 + 1; ++i)
    smileys += "\U0001F600";
  EXPECT_EQ(cell_text(smileys).text.size(), (kLongestCell / 2) * 4 + 3) << "two units each";
}

// --- vCard ---------------------------------------------------------------------------------------

TEST(VCard, Version4) {
  EXPECT_EQ(vcard(VCardVersion::v4, jane()),
            "BEGIN:VCARD\r\n"
            "VERSION:4.0\r\n"
            "UID:urn:uuid:71392103-8d7e-5dd7-86ae-0f4e201ff3a9\r\n"
            "KIND:individual\r\n"
            "FN:Doe\\, Jane\\; \"JD\"\r\n"
            "N:Doe;Jane;;;\r\n"
            "ORG:=cmd|' /C calc'!A0;R&D\\; Lab\r\n"
            "TITLE:Pilot\r\n"
            "EMAIL;TYPE=work;PREF=1:jane@contoso.test\r\n"
            "EMAIL;TYPE=work:jörg@bücher.test\r\n"
            "EMAIL;TYPE=work:jane@bücher.test\r\n"
            "IMPP:sip:jane@contoso.test\r\n"
            "TEL;VALUE=uri;TYPE=\"work,voice\":tel:+49891234;ext=5\r\n"
            "TEL;VALUE=text;TYPE=\"work,voice\":**610\r\n"
            "TEL;VALUE=uri;TYPE=cell:tel:+491711234567\r\n"
            "ADR;TYPE=work:;3.14;Hauptstr. 1\\nHof;München;;;\r\n"
            "URL:https://contoso.test/a,b;c\r\n"
            "NOTE:one\\ntwo\\\\\r\n"
            "CATEGORIES:VIP,a\\,b\r\n"
            "RELATED;TYPE=x-manager:urn:uuid:0d0e0f00-0000-5000-8000-000000000009\r\n"
            "REV:20261121T061555Z\r\n"
            "END:VCARD\r\n");
}

TEST(VCard, Version3) {
  const std::string card = vcard(VCardVersion::v3, jane());
  EXPECT_EQ(card.find("BEGIN:VCARD\r\nVERSION:3.0\r\n"), 0u);
  for (const char* line : {"TEL;TYPE=WORK,VOICE:+49 89 1234 x5", "TEL;TYPE=CELL:0171/1234567",
                           "EMAIL;TYPE=INTERNET,PREF:jane@contoso.test", "REV:2026-11-21T06:15:55Z",
                           "ADR;TYPE=WORK:;3.14;Hauptstr. 1\\nHof;München;;;"})
    EXPECT_NE(card.find("\r\n" + std::string(line) + "\r\n"), std::string::npos) << line;
  EXPECT_EQ(card.find("KIND"), std::string::npos);
  EXPECT_EQ(card.find("RELATED"), std::string::npos);
}

TEST(VCard, WhoHasNoNameHasATitle) {
  model::Contact contact;
  contact.entry.id = "71392103-8d7e-5dd7-86ae-0f4e201ff3a9";
  contact.entry.kind = model::EntryKind::group;
  const std::string card = vcard(VCardVersion::v4, contact);
  EXPECT_NE(card.find("KIND:group\r\nFN:71392103-8d7e-5dd7-86ae-0f4e201ff3a9\r\nN:;;;;\r\n"),
            std::string::npos)
      << card;
  contact.entry.values[Attribute::surname] = "Doe";
  EXPECT_NE(vcard(VCardVersion::v4, contact).find("FN:Doe\r\n"), std::string::npos);
}

TEST(Folding, NeverInsideACharacterNeverTooLong) {
  EXPECT_EQ(folded_line("abcdef", 6, "\n"), "abcdef\n");
  EXPECT_EQ(folded_line("abcdefghijkl", 6, "\n"), "abcdef\n ghijk\n l\n");
  EXPECT_EQ(folded_line("abcdeé", 6, "\n"), "abcde\n é\n");
  std::string line;
  for (int i = 0; i < 500; ++i)
    line += i % 3 == 0 ? "\U0001F600" : i % 3 == 1 ? "é" : "中";
  const std::string folded = folded_line(line, 75, "\r\n");
  std::string unfolded;
  for (std::size_t begin = 0; begin < folded.size();) {
    const std::size_t end = folded.find("\r\n", begin);
    EXPECT_LE(end - begin, 75u);
    const std::string piece = folded.substr(begin, end - begin);
    EXPECT_TRUE(base::is_valid_utf8(piece));
    unfolded += begin == 0 ? piece : piece.substr(1);
    begin = end + 2;
  }
  EXPECT_EQ(unfolded, line);
}

// --- LDIF ----------------------------------------------------------------------------------------

TEST(Ldif, APersonOfTheInternet) {
  EXPECT_EQ(ldif(jane()),
            "version: 1\n"
            "dn: uid=71392103-8d7e-5dd7-86ae-0f4e201ff3a9,ou=gal,dc=test\n"
            "objectClass: top\n"
            "objectClass: person\n"
            "objectClass: organizationalPerson\n"
            "objectClass: inetOrgPerson\n"
            "uid: 71392103-8d7e-5dd7-86ae-0f4e201ff3a9\n"
            "cn: Doe, Jane; \"JD\"\n"
            "sn: Doe\n"
            "displayName: Doe, Jane; \"JD\"\n"
            "givenName: Jane\n"
            "o: =cmd|' /C calc'!A0\n"
            "ou: R&D; Lab\n"
            "title: Pilot\n"
            "physicalDeliveryOfficeName: 3.14\n"
            "street:: SGF1cHRzdHIuIDEKSG9m\n"
            "l:: TcO8bmNoZW4=\n"
            "labeledURI: https://contoso.test/a,b;c\n"
            "mail: jane@contoso.test\n"
            "mail: jane@xn--bcher-kva.test\n"
            "telephoneNumber: +49 89 1234 x5\n"
            "mobile: 0171/1234567\n"
            "postalAddress:: SGF1cHRzdHIuIDEKSG9mJE3DvG5jaGVu\n"
            "description:: b25lDQp0d29c\n"
            "businessCategory: VIP\n"
            "businessCategory: a,b\n"
            "employeeType: user\n"
            "manager: uid=0d0e0f00-0000-5000-8000-000000000009,ou=gal,dc=test\n");
}

TEST(Ldif, ValuesThatNeedBase64) {
  model::Contact contact;
  contact.entry.id = "id";
  for (const char* value : {" a", "a ", ":a", "<a", "a\nb", "é"}) {
    contact.entry.values = {{Attribute::display_name, value}};
    EXPECT_NE(ldif(contact).find("\ncn:: "), std::string::npos) << value;
  }
  contact.entry.values = {{Attribute::display_name, "a :<b"}};
  EXPECT_NE(ldif(contact).find("\ncn: a :<b\n"), std::string::npos);
}

TEST(Ldif, EveryValueThatADirectoryTakes) {
  model::Contact contact;
  contact.entry.id = "id";
  contact.entry.values = {{Attribute::description, "C"}, {Attribute::notes, "C++"}};
  contact.labels = {"VIP", "VIP!", "Vip ", "Résumé", "Resume"};
  const std::string text = ldif(contact);
  EXPECT_NE(text.find("\ndescription: C\ndescription: C++\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nbusinessCategory: VIP\nbusinessCategory: VIP!\nbusinessCategory:: "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("\nbusinessCategory: Resume\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("Vip"), std::string::npos) << text;
}

TEST(Ldif, NoValueTwice) {
  model::Contact contact;
  contact.entry.id = "id";
  contact.entry.values = {{Attribute::description, "Same"}, {Attribute::notes, "SAME"}};
  contact.entry.phones = {{"business", "+49 1", "", ""}, {"business", "+491", "", ""}};
  const std::string text = ldif(contact);
  EXPECT_NE(text.find("\ndescription: Same\n"), std::string::npos);
  EXPECT_EQ(text.find("SAME"), std::string::npos);
  EXPECT_NE(text.find("\ntelephoneNumber: +49 1\ndescription: "), std::string::npos) << text;
}

// --- totals --------------------------------------------------------------------------------------

TEST(Tally, CountsByEverything) {
  Tally tally;
  tally.add(jane());
  model::Contact other = jane();
  other.entry.kind = model::EntryKind::guest;
  other.entry.values.erase(Attribute::hidden);
  other.groups = {{"g9", "Sales"}};
  other.labels.clear();
  tally.add(other);
  std::string text;
  for (const Total& total : tally.totals())
    text += total.topic + "/" + total.name + "=" + std::to_string(total.count) + " ";
  EXPECT_EQ(text,
            "contacts/all=2 source/hybrid=2 status/active=2 kind/guest=1 kind/user=1 "
            "hidden/no=1 hidden/unknown=1 label/VIP=1 label/a,b=1 "
            "group/R;D=1 group/Sales=1 group/Sales=1 ");
}

}  // namespace

}  // namespace gald::exporting
