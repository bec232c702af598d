# Writes one ctest test `golden.<slug>[<part>: <test case>]` for each test case of a golden test program.
execute_process(COMMAND ${program} --list-test-cases --no-colors=true OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${listing}")
list(FILTER lines EXCLUDE REGEX "^(\\[doctest\\]|=====)")
if(NOT lines)
  message(FATAL_ERROR "${program} holds no test case")
endif()
set(script)
if(part)
  set(prefix "${part}: ")
endif()
foreach(case IN LISTS lines)
  string(REPLACE "," "\\," filter "${case}")
  set(name "golden.${slug}[${prefix}${case}]")
  string(APPEND script "add_test([==[${name}]==] [==[${program}]==] [==[--test-case=${filter}]==])\n"
                       "set_tests_properties([==[${name}]==] PROPERTIES LABELS golden TIMEOUT 600"
                       " FAIL_REGULAR_EXPRESSION [==[test cases: +0 ]==])\n")
endforeach()
file(WRITE ${output} "${script}")
