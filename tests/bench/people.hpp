// Made-up people for the benchmarks, as many as wanted: always the same ones, and as like a real
// address list as matters to a search: few names are very common and most are rare, some have
// umlauts, accents or Chinese and Japanese characters, and namesakes work in different places.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "model/record.hpp"

namespace gald::bench {

struct Person {
  std::string given_name;
  std::string surname;
  std::string display_name;  ///< "Anna Müller", "Müller, Anna", or both names without a space
  std::string company;
  std::string department;
  std::string job_title;
  std::string city;
  std::string country;
  std::string mail;            ///< nobody else's
  std::string second_address;  ///< nobody else's
  std::string business_phone;  ///< with its country; nobody else's
  std::string mobile_phone;    ///< empty for two of five; nobody else's
};

/// The person of this number, 0 to 4,999,999; of everything above, only numbers repeat.
Person person(int number);

/// What a source says of the person.
model::Attributes attributes_of(const Person& person);

/// The person as a new contact of a cloud connector, under an anchor of their own.
model::Change contact_of(int number);

/// All surnames that there are, some 40,000; the common ones first.
const std::vector<std::string>& surnames();

/// A number below `count` that follows from the seed.
std::size_t chosen(std::uint64_t seed, std::size_t count);

}  // namespace gald::bench
