#include "format/timestamp.h"

#include <stdio.h>

#define SECONDS_A_DAY    86400
#define DAYS_BEFORE_1970 719162 /* from 0001-01-01 */
#define DAYS_IN_400      146097
#define FORM             "dddd-dd-ddTdd:dd:ddZ"

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    static const int64_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 0001-01-01 to the first of January. */
static int64_t days_before_year(int64_t year)
{
    int64_t y = year - 1;
    return y * 365 + y / 4 - y / 100 + y / 400;
}

void timestamp_write(int64_t seconds, char out[TIMESTAMP_SIZE])
{
    const int64_t first = -DAYS_BEFORE_1970 * INT64_C(86400);
    const int64_t end = (days_before_year(10000) - DAYS_BEFORE_1970) * SECONDS_A_DAY;
    (void)snprintf(out, TIMESTAMP_SIZE, "?");
    if (seconds < first || seconds >= end)
        return;
    int64_t days = (seconds - first) / SECONDS_A_DAY;
    int64_t rest = (seconds - first) % SECONDS_A_DAY;
    int64_t year = days * 400 / DAYS_IN_400 + 1; /* off by at most one */
    while (days_before_year(year) > days)
        year--;
    while (days_before_year(year + 1) <= days)
        year++;
    days -= days_before_year(year);
    int64_t month = 1;
    for (; days >= days_in_month(year, month); month++)
        days -= days_in_month(year, month);
    (void)snprintf(out, TIMESTAMP_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000,
                   (unsigned)month % 100, (unsigned)(days + 1) % 100, (unsigned)(rest / 3600) % 100,
                   (unsigned)(rest / 60 % 60), (unsigned)(rest % 60));
}

static int64_t number_at(const char *text, size_t at, size_t count)
{
    int64_t number = 0;
    for (size_t i = at; i < at + count; i++)
        number = number * 10 + (text[i] - '0');
    return number;
}

bool timestamp_read(const char *text, int64_t *seconds)
{
    if (strlen(text) != sizeof FORM - 1)
        return false;
    for (size_t i = 0; i < sizeof FORM - 1; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        if (FORM[i] == 'd' ? !digit : text[i] != FORM[i])
            return false;
    }
    int64_t year = number_at(text, 0, 4);
    int64_t month = number_at(text, 5, 2);
    int64_t day = number_at(text, 8, 2);
    int64_t hour = number_at(text, 11, 2);
    int64_t minute = number_at(text, 14, 2);
    int64_t second = number_at(text, 17, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t days = days_before_year(year) - DAYS_BEFORE_1970 + day - 1;
    for (int64_t m = 1; m < month; m++)
        days += days_in_month(year, m);
    *seconds = days * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
    return true;
}
