-- One row per country, economic activity, sex, kind of basis and year.
-- EMP_SHARE_OF_TOTAL = employment of the activity / employment of all activities * 100, per cent.
-- The total must come from the same table and vintage as the activity; where the preferred total comes from
-- another one, the activities of the same level are summed instead, so that shares always add up to 100.
-- Reference: ILO, Key Indicators of the Labour Market, KILM 4 (employment by sector).
with employment as (
    select * from marts.observations
    where indicator = 'EMP' and freq = 'A' and age = '_T' and occupation = '_T' and citizenship = '_T'
        and counterpart_area = '_Z' and activity_revision in ('ISIC4', 'ETD12', '_Z')
        and list_contains($ref_areas, ref_area)
),
levels as (
    select code as economic_activity, classification from codelists.economic_activities
),
parts as (
    select employment.*, levels.classification
    from employment
    inner join levels using (economic_activity)
    where economic_activity <> '_T'
),
sum_activities_of_one_table as (
    select ref_area, sex, basis_kind, time_period, source_id, as_of, classification,
        sum(obs_value order by economic_activity) as parts_value,
        list(observation_id order by economic_activity) as part_ids,
        count(*) as n_parts
    from parts
    where obs_value is not null
    group by all
),
pair_activity_with_base as (
    select parts.*,
        coalesce(total.obs_value, case when summed.n_parts > 3 then summed.parts_value end) as base_value,
        case when total.obs_value is not null then [total.observation_id] else summed.part_ids end as base_ids,
        case when total.obs_value is not null then 'employment of all activities'
            else 'sum of the activities of the same table (its total is not the preferred one)' end as base_words
    from parts
    left join employment as total
        on total.ref_area = parts.ref_area and total.sex = parts.sex and total.basis_kind = parts.basis_kind
        and total.time_period = parts.time_period and total.source_id = parts.source_id
        and total.as_of = parts.as_of and total.economic_activity = '_T'
    left join sum_activities_of_one_table as summed
        on summed.ref_area = parts.ref_area and summed.sex = parts.sex and summed.basis_kind = parts.basis_kind
        and summed.time_period = parts.time_period and summed.source_id = parts.source_id
        and summed.as_of = parts.as_of and summed.classification = parts.classification
),
divide_by_base as (
    select
        'EMP_SHARE_OF_TOTAL' as indicator, ref_area, '_Z' as counterpart_area, sex, economic_activity,
        basis_kind, time_period,
        case when base_value > 0 then obs_value / base_value * 100 end as value,
        'PC' as unit_measure, basis, obs_status,
        case
            when obs_value is null then 'the employment of the activity is missing'
            when base_value is null or base_value <= 0 then 'no total in the same table'
        end as reason,
        'employment of the activity / ' || base_words || ' x 100' as step,
        list_distinct([observation_id] || coalesce(base_ids, [])) as inputs
    from pair_activity_with_base
),
final as (
    select
        concat_ws(':', 'I', indicator, ref_area, counterpart_area, sex, economic_activity, basis_kind, time_period)
            as indicator_id,
        *
    from divide_by_base
)
select indicator_id, indicator, ref_area, counterpart_area, sex, economic_activity, basis_kind, time_period, value,
    unit_measure, basis, obs_status, reason, step, list_sort(inputs) as inputs
from final
