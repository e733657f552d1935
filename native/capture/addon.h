// The object behind JavaScript's capture, and its work on libuv's pool: one piece at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "../args.h"
#include "convert.h"
#include "live.h"
#include "reader.h"

namespace gatehouse {

constexpr size_t kPathBytes = 4096;

struct Capture {
  explicit Capture(const capture::Limits& limits) : engine(limits), reader(&engine), live(&engine) {}
  capture::Engine engine;
  capture::Reader reader;
  capture::Live live;
  std::unique_ptr<capture::Converter> converter;
  std::unique_ptr<capture::Lines> lines;
  // The work under way.
  bool busy = false;
  std::function<int64_t()> work;
  int64_t answer = 0;
  napi_async_work handle = nullptr;
  napi_deferred deferred = nullptr;
  // Keep this object, and the bytes, until the work is done.
  napi_ref self = nullptr;
  napi_ref held = nullptr;
};

// The object that a method was called on; nullptr for any other one.
Capture* captureOf(napi_env env, napi_callback_info info);
// A promise of what `work` answers, or -ENOMEM; `held` stays meanwhile.
napi_value startWork(napi_env env, napi_callback_info info, Capture* c, napi_value held,
                     std::function<int64_t()> work);
// 0; a positive answer is the text of a filter's fault; else it is -errno.
napi_value filterAnswer(napi_env env, int answer, const char* error);

// Of addon-live.cc.
bool defineLive(napi_env env, napi_value object);

}  // namespace gatehouse
