-- One row per country, economic activity, sex, kind of basis, year and window (1, 3 or 5 years).
-- EMP_GROWTH_nY = ((E_t / E_t-n) ^ (1 / n) - 1) * 100, per cent a year (compound).
-- No growth is taken across a break: any break after the first and up to the last year empties the cell.
-- Reference: reference table T2 (5-year growth); COPS recent conditions use the 3-year mean.
with employment as (
    select * from marts.observations
    where indicator = 'EMP' and freq = 'A' and age = '_T' and occupation = '_T' and citizenship = '_T'
        and counterpart_area = '_Z' and activity_revision in ('ISIC4', 'ETD12', '_Z')
        and list_contains($ref_areas, ref_area)
),
windows as (
    select unnest([1, 3, 5]) as n
),
series_years as (
    select *, cast(time_period as integer) as year from employment
),
breaks as (
    select ref_area, sex, economic_activity, basis_kind, year, break_reason from series_years where is_break
),
pair_first_with_last_year as (
    select last.*, windows.n, first.obs_value as first_value, first.observation_id as first_id
    from series_years as last
    cross join windows
    left join series_years as first
        on first.ref_area = last.ref_area and first.sex = last.sex
        and first.economic_activity = last.economic_activity and first.basis_kind = last.basis_kind
        and first.year = last.year - windows.n
),
find_break_inside_window as (
    select pairs.ref_area, pairs.sex, pairs.economic_activity, pairs.basis_kind, pairs.year, pairs.n,
        max(breaks.year) as break_year
    from pair_first_with_last_year as pairs
    inner join breaks
        on breaks.ref_area = pairs.ref_area and breaks.sex = pairs.sex
        and breaks.economic_activity = pairs.economic_activity and breaks.basis_kind = pairs.basis_kind
        and breaks.year > pairs.year - pairs.n and breaks.year <= pairs.year
    group by all
),
take_growth as (
    select
        'EMP_GROWTH_' || pairs.n || 'Y' as indicator, pairs.ref_area, '_Z' as counterpart_area, pairs.sex,
        pairs.economic_activity, pairs.basis_kind, pairs.time_period,
        case
            when found.break_year is null and pairs.first_value > 0
                then (pow(pairs.obs_value / pairs.first_value, 1.0 / pairs.n) - 1) * 100
        end as value,
        'PC' as unit_measure, pairs.basis, pairs.obs_status,
        case
            when pairs.obs_value is null then 'no figure for ' || pairs.time_period
            when pairs.first_value is null then 'no figure for ' || (pairs.year - pairs.n)
            when found.break_year is not null
                then 'break in series in ' || found.break_year || ': no growth is taken across it'
            when pairs.first_value <= 0 then 'the figure for ' || (pairs.year - pairs.n) || ' is zero'
        end as reason,
        'compound growth a year from ' || (pairs.year - pairs.n) || ' to ' || pairs.year as step,
        case when pairs.first_id is null then [pairs.observation_id]
            else [pairs.observation_id, pairs.first_id] end as inputs
    from pair_first_with_last_year as pairs
    left join find_break_inside_window as found
        on found.ref_area = pairs.ref_area and found.sex = pairs.sex
        and found.economic_activity = pairs.economic_activity and found.basis_kind = pairs.basis_kind
        and found.year = pairs.year and found.n = pairs.n
),
final as (
    select
        concat_ws(':', 'I', indicator, ref_area, counterpart_area, sex, economic_activity, basis_kind, time_period)
            as indicator_id,
        *
    from take_growth
)
select indicator_id, indicator, ref_area, counterpart_area, sex, economic_activity, basis_kind, time_period, value,
    unit_measure, basis, obs_status, reason, step, inputs
from final
