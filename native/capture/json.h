// JSON as reports have it: what is written as text is of a small alphabet, so nothing has to be escaped.
#pragma once

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>

#include "lines.h"

namespace gatehouse::capture {

// Members of an object or list: commas between them, not before the first.
class Json {
 public:
  explicit Json(std::string* out) : out_(out) {}

  void open(const char* key, char bracket) {
    comma();
    if (key != nullptr) name(key);
    out_->push_back(bracket);
    first_ = true;
  }
  void close(char bracket) {
    out_->push_back(bracket);
    first_ = false;
  }
  void text(const char* key, const char* value, size_t length) {
    comma();
    if (key != nullptr) name(key);
    out_->push_back('"');
    out_->append(value, length);
    out_->push_back('"');
  }
  void text(const char* key, const char* value) { text(key, value, strlen(value)); }
  void count(const char* key, uint64_t value) {
    char digits[24];
    comma();
    if (key != nullptr) name(key);
    out_->append(digits, static_cast<size_t>(snprintf(digits, sizeof digits, "%" PRIu64, value)));
  }
  // Seconds of Unix time, or of a while, with nanoseconds.
  void seconds(const char* key, int64_t ns) {
    char digits[40];
    comma();
    name(key);
    const int n = snprintf(digits, sizeof digits, "%" PRId64 ".%09" PRId64, ns / 1'000'000'000,
                           ns % 1'000'000'000);
    out_->append(digits, static_cast<size_t>(n));
  }
  void yes(const char* key, bool value) {
    comma();
    name(key);
    out_->append(value ? "true" : "false");
  }

 private:
  void comma() {
    if (!first_) out_->push_back(',');
    first_ = false;
  }
  void name(const char* key) {
    out_->push_back('"');
    out_->append(key);
    out_->append("\":");
  }
  std::string* out_;
  bool first_ = true;
};

inline void address(Json* json, const char* key, Family family, uint64_t hi, uint64_t lo) {
  char text[kAddressBytes];
  addressText(text, family, hi, lo);
  json->text(key, text);
}

inline const char* nameOf(Family f) {
  return f == Family::Ipv4 ? "ipv4" : f == Family::Ipv6 ? "ipv6" : "link";
}

}  // namespace gatehouse::capture
