-- One row per country, economic activity and year.
-- EARN_ANNUAL = mean of the twelve monthly mean earnings, national currency a month (complete years only).
-- EARN_GROWTH_1Y = (EARN_ANNUAL_t / EARN_ANNUAL_t-1 - 1) * 100, per cent, nominal.
-- EARN_RELATIVE = EARN_ANNUAL of the activity / EARN_ANNUAL of all activities * 100, per cent.
-- Reference: MAC-style price indicators P1 and P2; decent-work test D3 of methods 4.6.
with monthly as (
    select * from marts.observations
    where indicator = 'EARN' and freq = 'M' and sex = '_T' and occupation = '_T' and basis_kind = 'reported'
        and list_contains($ref_areas, ref_area)
),
average_complete_years as (
    select ref_area, economic_activity, left(time_period, 4) as time_period,
        cast(left(time_period, 4) as integer) as year,
        case when count(obs_value) = 12 then avg(obs_value) end as value, count(obs_value) as n_months,
        list(observation_id order by time_period) as ids
    from monthly
    group by all
),
state_level as (
    select 'EARN_ANNUAL' as indicator, ref_area, economic_activity, time_period, value, 'XDC' as unit_measure,
        case when value is null then n_months || ' of 12 months published' end as reason,
        'mean of twelve monthly mean earnings' as step, ids as inputs
    from average_complete_years
),
state_growth as (
    select 'EARN_GROWTH_1Y' as indicator, later.ref_area, later.economic_activity, later.time_period,
        (later.value / earlier.value - 1) * 100 as value, 'PC' as unit_measure,
        case
            when later.value is null then 'no complete year ' || later.year
            when earlier.value is null then 'no complete year ' || (later.year - 1)
        end as reason,
        'nominal growth of mean monthly earnings from ' || (later.year - 1) || ' to ' || later.year as step,
        later.ids || coalesce(earlier.ids, []) as inputs
    from average_complete_years as later
    left join average_complete_years as earlier
        on earlier.ref_area = later.ref_area and earlier.economic_activity = later.economic_activity
        and earlier.year = later.year - 1
),
state_relative as (
    select 'EARN_RELATIVE' as indicator, part.ref_area, part.economic_activity, part.time_period,
        part.value / total.value * 100 as value, 'PC' as unit_measure,
        case when part.value is null or total.value is null then 'no complete year ' || part.year end as reason,
        'mean earnings of the activity / mean earnings of all activities x 100' as step,
        part.ids || coalesce(total.ids, []) as inputs
    from average_complete_years as part
    left join average_complete_years as total
        on total.ref_area = part.ref_area and total.year = part.year and total.economic_activity = '_T'
    where part.economic_activity <> '_T'
),
unite as (
    select * from state_level
    union all
    select * from state_growth
    union all
    select * from state_relative
),
final as (
    select
        concat_ws(':', 'I', indicator, ref_area, '_Z', '_T', economic_activity, 'reported', time_period)
            as indicator_id,
        indicator, ref_area, '_Z' as counterpart_area, '_T' as sex, economic_activity, 'reported' as basis_kind,
        time_period, value, unit_measure, 'reported' as basis,
        case when value is null then 'M' else 'A' end as obs_status, reason, step, inputs
    from unite
)
select * from final
